using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

public class DataTests
{
    // One id a character; 200 begins a text, 201 ends it.
    private static readonly TokenEncoder Encoder = new((text, special) => [.. special ? new[] { 200 } : [], .. text.Select(c => (int)c)], 201, 202);

    [Fact]
    public void A_prompt_and_its_completion_are_joined_by_one_blank_that_is_learnt()
    {
        var row = Single("""{"prompt": "ab", "completion": "cd"}""");
        Assert.Equal([200, 'a', 'b', ' ', 'c', 'd', 201], row.InputIds);
        Assert.Equal([-100, -100, -100, ' ', 'c', 'd', 201], row.Labels);
        Assert.Equal(4, row.TargetCount);
        Assert.Equal([200, 'a', 'b'], row.PromptIds.ToArray());
        Assert.Equal([' ', 'c', 'd', 201], row.TargetIds);
        Assert.Equal(("ab", "cd"), (row.Prompt, row.Completion));
    }

    [Theory]
    [InlineData("a ", "c", "a c")]
    [InlineData("a\\n", "c", "a\nc")]
    [InlineData("a", " c", "a c")]
    [InlineData("a", "\\tc", "a\tc")]
    [InlineData("", "c", "c")]
    [InlineData("a", "", "a")]
    public void No_blank_is_put_where_there_is_white_space_or_nothing(string prompt, string completion, string joined)
        => Assert.Equal([200, .. joined.Select(c => (int)c), 201], Single($$"""{"prompt": "{{prompt}}", "completion": "{{completion}}"}""").InputIds);

    [Fact]
    public void All_of_a_text_is_learnt_but_its_first_token()
    {
        var row = Single("""{"text": "abc"}""");
        Assert.Equal([200, 'a', 'b', 'c', 201], row.InputIds);
        Assert.Equal(row.InputIds, row.Labels);
        Assert.Equal(4, row.TargetCount);
    }

    [Fact]
    public void An_end_mark_is_not_doubled_and_not_invented()
    {
        var ending = Encoder with { Encode = (text, special) => [.. text.Select(c => (int)c), .. special ? new[] { 201 } : []] };
        Assert.Equal(['a', 'b', 201], Single("""{"text": "ab"}""", ending).InputIds);
        Assert.Equal([200, 'a', 'b'], Single("""{"text": "ab"}""", Encoder with { EosId = null }).InputIds);
    }

    [Fact]
    public void Token_rows_need_no_tokenizer()
    {
        var row = Single("""{"input_ids": [5, 6, 7], "labels": [-100, -100, 7], "attention_mask": [1, 1, 1]}""", null);
        Assert.Equal([-100, -100, 7], row.Labels);
        Assert.Equal([5, 6], row.PromptIds.ToArray());
        Assert.Equal([5, 6, 7], Single("""{"input_ids": [5, 6, 7]}""", null).Labels);
        Assert.Equal([5, 6, 7], Single("""{"input_ids": [5, 6, 7], "labels": null}""", null).Labels);
    }

    [Fact]
    public void Both_kinds_of_file_are_read_and_places_are_lines()
    {
        string lines = Write("x.jsonl", "{\"text\": \"ab\"}\n\n{\"text\": \"c\"}\n");
        var rows = RowReader.Read(lines, 202, Encoder).ToList();
        Assert.Equal([$"{lines}:1", $"{lines}:3"], rows.Select(r => r.Place));
        string list = Write("x.json", "\uFEFF[\n  {\"text\": \"ab\"},\n  {\"text\":\n \"c\"}, {\"text\": \"d\"}\n]\n");
        rows = [.. RowReader.Read(list, 202, Encoder)];
        Assert.Equal([$"{list}:2", $"{list}:3", $"{list}:4"], rows.Select(r => r.Place));
        Assert.Equal([200, 'd', 201], rows[2].InputIds);
    }

    [Fact]
    public void Long_rows_lose_their_tail()
    {
        var row = Single("""{"prompt": "ab", "completion": "cd"}""", Encoder, maxLength: 5);
        Assert.Equal([200, 'a', 'b', ' ', 'c'], row.InputIds);
        Assert.Equal([-100, -100, -100, ' ', 'c'], row.Labels);
        var error = Refused("""{"prompt": "ab", "completion": "cd"}""", maxLength: 3);
        Assert.Contains("max_length 3", error.Value);
        Assert.EndsWith(".jsonl:1", error.Place);
    }

    [Theory]
    [InlineData("{\"text\": ", "not JSON")]
    [InlineData("[1]", "not an object")]
    [InlineData("{\"txt\": \"a\"}", "'text'")]
    [InlineData("{}", "no keys")]
    [InlineData("{\"prompt\": \"a\"}", "\"completion\"")]
    [InlineData("{\"completion\": \"a\"}", "\"prompt\"")]
    [InlineData("{\"labels\": [1]}", "input_ids")]
    [InlineData("{\"prompt\": 1, \"completion\": \"a\"}", "\"prompt\" is not text")]
    [InlineData("{\"text\": \"\\ud800\"}", "surrogate")]
    [InlineData("{\"messages\": []}", "empty list")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}", "chat template")]
    [InlineData("{\"text\": \"a\", \"input_ids\": [1]}", "two formats")]
    [InlineData("{\"input_ids\": []}", "no tokens")]
    [InlineData("{\"input_ids\": [7]}", "no target")]
    [InlineData("{\"input_ids\": [1, 2], \"labels\": [1, -100]}", "no target")]
    [InlineData("{\"input_ids\": [1, 2], \"labels\": [1]}", "not as long")]
    [InlineData("{\"input_ids\": [1, 202]}", "0 to 201")]
    [InlineData("{\"input_ids\": [1, -1]}", "got -1")]
    [InlineData("{\"input_ids\": [1, 2], \"labels\": [-1, 2]}", "or -100")]
    [InlineData("{\"input_ids\": [1, 2.5]}", "got 2.5")]
    [InlineData("{\"input_ids\": \"1 2\"}", "not a list")]
    public void Unusable_rows_are_refused_with_file_and_line(string line, string says)
    {
        var error = Refused("{\"text\": \"fine\"}\n" + line);
        Assert.Contains(says, error.Message);
        Assert.EndsWith(".jsonl:2", error.Place);
    }

    [Fact]
    public void Several_bad_rows_are_reported_together()
    {
        var error = Refused("{\"text\": 1}\n{\"text\": \"ok\"}\n[]\n");
        Assert.Contains("2 mistakes", error.Message);
        Assert.Contains(".jsonl:1", error.Message);
        Assert.Contains(".jsonl:3", error.Message);
    }

    [Fact]
    public void Unusable_files_are_refused()
    {
        Assert.Contains("no rows", Refused("\n \n").Message);
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => RowReader.Read("absent.jsonl", 9).ToList()).Message);
        Assert.Contains("folder", Assert.Throws<BadInputException>(() => RowReader.Fingerprint(Paths.Temporary())).Message);
        Assert.Contains(".xls", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.xls", "a"), 9).ToList()).Message);
        Assert.Contains("list", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.json", "3"), 9).ToList()).Message);
        Assert.Contains("x.json:2", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.json", "[\n{]"), 9).ToList()).Message);
        Assert.Contains("not JSON", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.json", "[] x"), 9).ToList()).Message);
        Assert.Contains("no rows", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.json", "[]"), 9).ToList()).Message);
        Assert.Contains("tokenizer", Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.jsonl", "{\"text\": \"a\"}"), 9).ToList()).Message);
        string latin = Path.Combine(Paths.Temporary(), "x.jsonl");
        File.WriteAllBytes(latin, [.. "{\"text\": \""u8, 0xE9, .. "\"}"u8]);
        Assert.Contains("UTF-8", Assert.Throws<BadInputException>(() => RowReader.Read(latin, 202, Encoder).ToList()).Message);
    }

    [Fact]
    public void The_fingerprint_is_the_files_hash()
        => Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", RowReader.Fingerprint(Write("x.jsonl", "abc")));

    [Fact]
    public void Batches_are_padded_on_the_right_and_masked()
    {
        var batch = Batch.Of([new Row([1, 2, 3], [-100, 2, 3]), new Row([4], [4])], padId: 9);
        Assert.Equal((2, 3, 2, 4), (batch.B, batch.T, batch.TargetTokens, batch.Tokens));
        Assert.Equal([1, 2, 3, 4, 9, 9], batch.Ids);
        Assert.Equal([1, 1, 1, 1, 0, 0], batch.Mask);
        Assert.Equal([-100, 2, 3, 4, -100, -100], batch.Labels);
    }

    [Fact]
    public void Every_epoch_holds_every_row_once_and_the_short_batch_is_kept()
    {
        var rows = Enumerable.Range(0, 11).Select(i => new Row([i, i], [i, i])).ToList();
        var batcher = new Batcher(rows, 4, shuffle: true, seed: 7);
        Assert.Equal(3, batcher.BatchesPerEpoch);
        long[][] epochs = [.. Enumerable.Range(0, 3).Select(e => Enumerable.Range(0, 3).SelectMany(i => batcher.BatchAt(e * 3 + i).Ids.Where((_, k) => k % 2 == 0)).ToArray())];
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(0, 11).Select(i => (long)i), e.Order()));
        Assert.Equal(3, epochs.Select(e => string.Join(",", e)).Distinct().Count());
        Assert.Equal(3, batcher.BatchAt(5).B);
    }

    [Fact]
    public void A_batch_depends_on_seed_and_number_alone()
    {
        var rows = Enumerable.Range(0, 50).Select(i => new Row([i, i], [i, i])).ToList();
        var walked = new Batcher(rows, 8, true, 3);
        for (long i = 0; i < 20; i++) walked.BatchAt(i);
        Assert.Equal(walked.BatchAt(17).Ids, new Batcher(rows, 8, true, 3).BatchAt(17).Ids);
        Assert.NotEqual(walked.BatchAt(17).Ids, new Batcher(rows, 8, true, 4).BatchAt(17).Ids);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3], new Batcher(rows, 4, false, 3).BatchAt(0).Ids);
        // Runs resume across versions: these very orders must stay.
        Assert.Equal(Frozen, new Batcher(rows[..10], 1, true, 42).Order(0));
    }

    private static readonly int[] Frozen = [2, 8, 5, 6, 7, 0, 3, 4, 1, 9];

    [Fact]
    public void The_order_is_even()
    {
        var rows = Enumerable.Range(0, 5).Select(i => new Row([i, i], [i, i])).ToList();
        var batcher = new Batcher(rows, 1, true, 1);
        var counts = new int[5, 5];
        for (int epoch = 0; epoch < 5000; epoch++)
        {
            int[] order = batcher.Order(epoch);
            for (int i = 0; i < 5; i++) counts[i, order[i]]++;
        }
        foreach (int count in counts) Assert.InRange(count, 850, 1150); // 1000 expected, five standard deviations of 28
    }

    [Fact]
    public void Evaluation_batches_put_like_lengths_together_and_say_which_rows_they_hold()
    {
        var rows = new[] { 2, 9, 3, 9, 5 }.Select((n, i) => new Row([.. Enumerable.Repeat(i, n)], [.. Enumerable.Repeat(i, n)])).ToList();
        var batches = EvaluationBatches.ByLength(rows, 18).ToList();
        Assert.Equal([[1, 3], [4, 2, 0]], batches.Select(b => b.RowNumbers));
        Assert.Equal([[9, 9], [5, 3, 2]], batches.Select(b => b.Batch.Documents!));
        Assert.Equal([4, 4, 4, 4, 4, 2, 2, 2, 0, 0], batches[1].Batch.Ids);
    }

    [Fact]
    public void Evaluation_batches_are_filled_up_with_documents_of_one_token_that_is_no_target()
    {
        var rows = new[] { 2, 4, 8 }.Select(n => new Row([.. Enumerable.Repeat(n, n)], [.. Enumerable.Repeat(n, n)])).ToList();
        var batches = EvaluationBatches.ByLength(rows, 8, 4).Select(b => b.Batch).ToList();
        Assert.Equal([[8], [4, 2, 1, 1]], batches.Select(b => b.Documents!));
        Assert.Equal([4, 4, 4, 4, 2, 2, 0, 0], batches[1].Ids);
        Assert.Equal([-100, 4, 4, 4, -100, 2, -100, -100], batches[1].Labels);
        Assert.Equal((7, 4), (batches[0].TargetTokens, batches[1].TargetTokens));
        batches[1].Check(9);
    }

    [Fact]
    public void Rows_with_the_same_prompt_are_one_group()
    {
        string path = Write("x.jsonl", """
            {"prompt": "a", "completion": "x"}
            {"prompt": "b", "completion": "y"}
            {"prompt": "a", "completion": "z z"}
            """);
        var groups = PromptGroup.Of(RowReader.Read(path, 202, Encoder));
        Assert.Equal(["x|z z", "y"], groups.Select(g => string.Join("|", g.Rows.Select(r => r.Completion))));
        Assert.Equal([200, 'a'], groups[0].PromptIds);
    }

    [Fact]
    public void The_real_tokenizer_gives_the_references_targets_in_every_row()
    {
        string folder = Paths.Shared("goldens/smollm2");
        var tokenizer = LowRank.Text.Tokenizer.FromFolder(Path.Combine(folder, "hf"));
        var encoder = new TokenEncoder((text, special) => tokenizer.Encode(text, special), tokenizer.EosId, tokenizer.VocabularySize);
        var rows = RowReader.Read(Path.Combine(folder, "eval-rows.jsonl"), tokenizer.VocabularySize, encoder).ToList();
        var golden = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "perplexity.json")))!;
        Assert.Equal(golden["rows"]!.AsArray().Select(r => (int)r!["targets"]!), rows.Select(r => r.TargetCount));
        Assert.Equal((int)golden["targets"]!, rows.Sum(r => r.TargetCount));

        // The training run's first batch, token for token.
        using var steps = SafetensorsFile.Open(Path.Combine(folder, "run", "steps.safetensors"));
        var batch = Batch.Of([.. RowReader.Read(Path.Combine(folder, "run", "train-rows.jsonl"), tokenizer.VocabularySize, encoder).Take(8)], padId: 2);
        using var ids = steps.Get("step0.input_ids");
        Assert.Equal([8, batch.T], ids.shape);
        Assert.Equal(ids.data<int>().ToArray().Select(i => (long)i), batch.Ids);
    }

    private static Row Single(string line) => Single(line, Encoder);

    private static Row Single(string line, TokenEncoder? encoder, int? maxLength = null) => Assert.Single(RowReader.Read(Write("x.jsonl", line), 202, encoder, maxLength));

    private static BadInputException Refused(string content, int? maxLength = null)
        => Assert.Throws<BadInputException>(() => RowReader.Read(Write("x.jsonl", content), 202, Encoder, maxLength).ToList());

    private static string Write(string name, string content)
    {
        string path = Path.Combine(Paths.Temporary(), name);
        File.WriteAllText(path, content);
        return path;
    }
}

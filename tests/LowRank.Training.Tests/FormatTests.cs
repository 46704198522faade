using LowRank.Tensors;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

public class FormatTests
{
    private static readonly DataOptions Plain = new("");

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}""", "u2+2?Éa[4É]")]
    [InlineData("""{"messages": [{"role": "user", "content": "x", "name": null}, {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}, {"role": "assistant", "content": "w"}], "tools": null}""", "uxÉa[yÉ]uzÉa[wÉ]")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]}], "tools": [{}]}""", "T1uabÉa[fÉ]")]
    [InlineData("""{"messages": "[{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"r\"}]", "tools": "[{}, {}]"}""", "T2uqÉa[rÉ]")]
    [InlineData("""{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "r", "weight": null}]}""", "ssÉuqÉa[rÉ]")]
    [InlineData("""{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {}}"}, {"from": "observation", "value": "o"}, {"from": "gpt", "value": "r"}], "system": "s"}""", "ssÉuqÉa[fÉ]toÉa[rÉ]")]
    [InlineData("""{"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "id": 3}""", "uqÉa[rÉ]")]
    [InlineData("""{"instruction": "do", "input": "it", "output": "done", "text": "all"}""", "udo\nitÉa[doneÉ]")]
    [InlineData("""{"instruction": "do", "input": "", "output": "done", "system": "s", "history": [["a", "b"]]}""", "ssÉuaÉa[bÉ]udoÉa[doneÉ]")]
    [InlineData("""{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}]}""", "uqÉa[rÉ]")]
    [InlineData("""{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}], "completion": [{"role": "assistant", "content": "r"}]}""", "uqÉaxÉuyÉa[rÉ]")]
    [InlineData("""{"prompt": "q", "completion": "r", "category": "news", "meta": {"a": 1}, "song_id": 7}""", "^q[ rÉ]")]
    [InlineData("""{"prompt": "q", "completion": "r", "text": null}""", "^q[ rÉ]")]
    [InlineData("""{"input_ids": "[97, 98]", "labels": "[-100, 98]"}""", "a[b]")]
    public void Rows_of_every_format_become_tokens_and_targets(string json, string shown) => Assert.Equal(shown, Show(Single(json, Plain)));

    [Fact]
    public void Questions_and_single_answers_are_kept_for_generation()
    {
        var row = Single("""{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}""", Plain);
        Assert.Equal(("q", "r"), (row.Prompt, row.Completion));
        Assert.Equal("ssÉuqÉa", string.Concat(row.PromptIds.ToArray().Select(i => (char)i)));
        Assert.Null(Single("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}""", Plain).Prompt);
        Assert.Equal("q", Single("""{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}]}""", Plain).Prompt);
    }

    [Fact]
    public void All_of_a_conversation_is_learnt_where_asked()
        => Assert.Equal("[uqÉarÉ]", Show(Single("""{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}""", Plain with { TrainOnInputs = true })));

    [Fact]
    public void Alpaca_without_a_chat_template_is_Stanfords_text()
    {
        var row = Single("""{"instruction": "Name {a} fruit.", "input": "red", "output": "apple"}""", Plain, Letters with { Chat = null });
        Assert.Equal("^Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nName {a} fruit.\n\n### Input:\nred\n\n### Response:\n[appleÉ]", Show(row));
        Assert.Contains("chat template", Refused("""{"instruction": "a", "output": "b", "history": [["c", "d"]]}""", Plain, Letters with { Chat = null }).Message);
    }

    [Fact]
    public void Columns_are_mapped_and_formats_forced()
    {
        var mapped = Plain with { Columns = new Dictionary<string, string> { ["prompt"] = "question", ["completion"] = "answer" } };
        Assert.Equal("^q[ rÉ]", Show(Single("""{"question": "q", "answer": "r", "prompt": "not this", "text": null}""", mapped)));
        Assert.Contains("'qestion'", Refused("""{"qestion": "q", "answer": "r"}""", mapped).Message);
        Assert.Contains("data_format: text", Refused("""{"prompt": "q", "completion": "r", "text": "t"}""", Plain).Message);
        Assert.Equal("[^tÉ]", Show(Single("""{"prompt": "q", "completion": "r", "text": "t"}""", Plain with { Format = "text" })));
        Assert.Contains("lacks the key \"text\"", Refused("""{"prompt": "q", "completion": "r"}""", Plain with { Format = "text" }).Message);
        // one column under two names
        Assert.Equal("^q[ qÉ]", Show(Single("""{"x": "q"}""", Plain with { Columns = new Dictionary<string, string> { ["prompt"] = "x", ["completion"] = "x" } })));
    }

    [Theory]
    [InlineData("""{"prompt": "q", "chosen": "r", "rejected": "s"}""", "preference", "columns: {completion: chosen}")]
    [InlineData("""{"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "s"}]}""", "preference", "columns: {messages: chosen}")]
    [InlineData("""{"prompt": "q", "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "s"}], "messages": []}""", "preference", "DPO")]
    [InlineData("""{"prompt": "q", "completion": "r", "label": true}""", "unpaired_preference", "data_format: prompt_completion")]
    [InlineData("""{"completion": "r", "label": false}""", "unpaired_preference", "KTO")]
    public void Preference_rows_are_known_but_not_learnt(string json, string format, string says)
    {
        Assert.Contains(says, Refused(json, Plain).Message);
        var seen = new RowMaker(Plain with { Survey = true }, Letters, 1 << 16).Make(new RawRow(new DataFile("x.jsonl"), 1, System.Text.Encoding.UTF8.GetBytes(json)));
        Assert.Equal((format, (BadInputException?)null), (seen.Format, seen.Error));
        Assert.Contains('r', Show(seen.Row!));
    }

    [Fact]
    public void The_chosen_answer_is_learnt_where_columns_say_so()
        => Assert.Equal("^q[ rÉ]", Show(Single("""{"prompt": "q", "chosen": "r", "rejected": "s"}""", Plain with { Columns = new Dictionary<string, string> { ["completion"] = "chosen" } })));

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "a"}]}""", "no assistant message")]
    [InlineData("""{"messages": [{"content": "a"}]}""", "messages[0] has no \"role\"")]
    [InlineData("""{"messages": [{"role": "user", "content": "a"}, 3]}""", "messages[1] is not a message")]
    [InlineData("""{"messages": [{"role": "user"}]}""", "says nothing")]
    [InlineData("""{"messages": [{"role": "user", "content": {"a": 1}}]}""", "neither text nor")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}""", "image_url")]
    [InlineData("""{"messages": [{"role": "user", "content": "\ud800"}]}""", "surrogate")]
    [InlineData("""{"messages": "hello"}""", "not a list")]
    [InlineData("""{"messages": "[hello"}""", "no JSON")]
    [InlineData("""{"conversations": [{"from": "nobody", "value": "a"}]}""", "nobody")]
    [InlineData("""{"conversations": [{"from": "function_call", "value": "f()"}]}""", "no function call")]
    [InlineData("""{"prompt": "q", "completion": [{"role": "assistant", "content": "a"}]}""", "different kinds")]
    [InlineData("""{"instruction": "a", "output": "b", "history": ["c"]}""", "pairs")]
    [InlineData("""{"instruction": "a"}""", "\"output\"")]
    public void Unusable_rows_say_why(string json, string says) => Assert.Contains(says, Refused(json, Plain).Message);

    [Fact]
    public void Either_side_is_cut_and_targets_stay()
    {
        const string json = """{"prompt": "abc", "completion": "de"}"""; // ^abc[ deÉ]
        Assert.Equal("^abc[ ]", Show(Single(json, Plain with { MaxLength = 5 })));
        Assert.Equal("c[ deÉ]", Show(Single(json, Plain with { MaxLength = 5, TruncateLeft = true })));
        Assert.Contains("truncation_side: left", Refused(json, Plain with { MaxLength = 4 }).Message);
        Assert.Equal("[eÉ]", Show(Single(json, Plain with { MaxLength = 2, TruncateLeft = true })));
        Assert.Contains("truncation_side: right", Refused("""{"input_ids": [1, 2, 3, 4], "labels": [-100, 2, -100, -100]}""", Plain with { MaxLength = 2, TruncateLeft = true }).Message);
    }

    [Fact]
    public void Bad_rows_are_left_out_and_counted_where_asked()
    {
        string path = Write("x.jsonl", "{\"text\": \"a\"}\nnonsense\n{\"text\": 1}\n{\"text\": \"b\"}\n");
        var rows = RowSet.Load(new DataOptions(path) { SkipBadRows = true }, 1 << 16, Letters);
        Assert.Equal((2, 2L), (rows.Rows.Count, rows.Tally.Skipped));
        Assert.Equal($"{path}:4", rows.Rows[1].Place);
        Assert.Contains("2 mistakes", Assert.Throws<BadInputException>(() => RowSet.Load(new DataOptions(path), 1 << 16, Letters)).Message);
        Assert.Contains("no row can be used", Assert.Throws<BadInputException>(() => RowSet.Load(new DataOptions(Write("y.jsonl", "x\ny\n")) { SkipBadRows = true }, 1 << 16, Letters)).Message);
    }

    private static Row Single(string json, DataOptions options, TokenEncoder? encoder = null)
        => Assert.Single(RowReader.Read(options with { Sources = Write("x.jsonl", json) }, 1 << 16, encoder ?? Letters)).Row;

    private static BadInputException Refused(string json, DataOptions options, TokenEncoder? encoder = null)
        => Assert.Throws<BadInputException>(() => RowReader.Read(options with { Sources = Write("x.jsonl", json) }, 1 << 16, encoder ?? Letters).ToList());
}

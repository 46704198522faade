using System.Text.Json.Nodes;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>`lowrank data`, and training on what it shows.</summary>
[Collection(SharedWorld.Name)]
public sealed class DataVerbTests(World world)
{
    [Fact]
    public void Shows_what_training_will_see()
    {
        string rows = world.Fresh("rows") + ".jsonl", held = world.Fresh("held") + ".csv", page = world.Fresh("page") + ".html";
        File.WriteAllLines(rows, ["""{"q": "one", "a": "<b>two</b>"}""", """{"q": "three", "a": "four \u001b[31m"}""", """{"q": "one", "a": "<b>two</b>"}"""]);
        File.WriteAllLines(held, ["a,q", "<b>two</b>,one", "x,y"]);
        string[] arguments = ["data", rows, "--eval", held, "--model", world.Model, "--set", "columns={prompt: q, completion: a}", "--set", "max_length=14"];
        var json = Program.Run([.. arguments, "--html", page, "--json"]).Good().Json;
        World.HasKeys(json, "format", "rows", "tokens", "target_tokens", "length", "histogram", "truncated_rows", "bad_rows", "rows_without_targets", "duplicates", "overlap_rows", "samples", "errors");
        Assert.Equal(("prompt_completion", "tokens", 3, 3, 1, 1, 2), ((string?)json["format"], (string?)json["unit"], (int)json["rows"]!, (int)json["truncated_rows"]!, (int)json["duplicates"]!, (int)json["overlap_rows"]!, (int)json["eval_rows"]!));
        var sample = json["samples"]![0]!;
        Assert.Equal((14, 15), ((int)sample["length"]!, (int)sample["full_length"]!)); // "one", a blank and ten bytes, and the end token, which is cut
        Assert.Equal("""[{"text":"one","trained":false},{"text":" \u003Cb\u003Etwo\u003C/b\u003E","trained":true}]""", sample["parts"]!.ToJsonString());
        Assert.Equal(3, json["histogram"]!.AsArray().Sum(b => (int)b!["rows"]!));
        string html = File.ReadAllText(page);
        Assert.Contains("one<mark> &lt;b&gt;two&lt;/b&gt;</mark>", html);
        Assert.DoesNotContain("<b>two", html);
        Assert.DoesNotContain("<script", html);

        string text = Program.Run(arguments).Good().Out;
        Assert.Contains("one[[ <b>two</b>]]", text);
        Assert.DoesNotContain('\u001b', text);
        var refused = Program.Run([.. arguments, "--html", page]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("--force", refused.Error);
    }

    [Fact]
    public void A_truncation_section_of_the_tokenizer_cuts_no_row()
    {
        string model = ByteTokenizer.Beside("llama"), rows = world.Fresh("long") + ".jsonl", file = Path.Combine(model, "tokenizer.json");
        var json = JsonNode.Parse(File.ReadAllText(file))!;
        json["truncation"] = JsonNode.Parse("""{"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}""");
        File.WriteAllText(file, json.ToJsonString());
        File.WriteAllLines(rows, ["""{"prompt": "one two", "completion": "three"}"""]);
        Assert.Equal(14, (int)Program.Run("data", rows, "--model", model, "--json").Good().Json["samples"]![0]!["length"]!); // and the end token
        string texts = world.Fresh("texts") + ".json";
        File.WriteAllText(texts, """["one two"]""");
        Assert.Equal(4, Program.Run("tokenize", "--model", model, "--texts", texts, "--json").Good().Json[0]!["ids"]!.AsArray().Count);
    }

    [Fact]
    public void Folders_and_positions_are_told_before_the_first_step()
    {
        string model = ByteTokenizer.Beside("gpt2"), folder = world.Fresh("splits"), output = world.Fresh("run");
        Directory.CreateDirectory(folder);
        string Row(int length) => $"{{\"prompt\": \"a\", \"completion\": \"{new string('b', length)}\"}}\n";
        foreach (string name in (string[])["train.jsonl", "test.jsonl", "LICENSE.txt"]) File.WriteAllText(Path.Combine(folder, name),
            Row(20));
        var json = Program.Run("data", folder, "--model", model, "--json").Good().Json;
        Assert.Equal(1, (int)json["rows"]!);
        Assert.Equal([$"{folder}: train is taken (train.jsonl); left out: test: test.jsonl",
            $"{folder}: left out, as they are no rows: LICENSE.txt"],
            json["notes"]!.AsArray().Select(n => (string)n!));

        File.WriteAllText(Path.Combine(folder, "train.jsonl"), Row(20) + Row(2000));
        foreach (string[] verb in (string[][])[["train", "--model", model, "--data", folder, "--output", output, "--quiet"], ["plan",
            "--model", model, "--set", $"data={folder}"],
            ["eval", "--model", model, "--data", Path.Combine(folder, "train.jsonl")]])
        {
            var refused = Program.Run(verb);
            Assert.Equal(2, refused.Code);
            Assert.Contains("train.jsonl:2: a row is longer than the model's learned positions (got 1024 tokens); expected 256 at most. Set max_length: 256", refused.Error);
        }
        Assert.False(Directory.Exists(output));
    }

    [Fact]
    public void Without_a_model_counts_characters()
    {
        string rows = world.Fresh("chat") + ".jsonl";
        File.WriteAllLines(rows, ["""{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}"""]);
        var json = Program.Run("data", rows, "--json").Good().Json;
        Assert.Equal(("messages", "characters", 1), ((string?)json["format"], (string?)json["unit"], (int)json["rows"]!));
        Assert.Equal("user: 2+2?\nassistant: |4\n", string.Join('|', json["samples"]![0]!["parts"]!.AsArray().Select(p => (string)p!["text"]!)));
    }

    [Fact]
    public void Tells_all_that_training_would_refuse_and_ends_with_2()
    {
        string rows = world.Fresh("bad") + ".jsonl";
        File.WriteAllLines(rows, ["""{"text": "fine"}""", "{", "{", """{"input_ids": [5, 6], "labels": [-100, -100]}""", """{"prompt": "too long a prompt", "completion": "x"}"""]);
        string[] arguments = ["data", rows, "--model", world.Model, "--set", "max_length=8", "--json"];
        var outcome = Program.Run(arguments);
        Assert.Equal(2, outcome.Code);
        Assert.Equal((1, 4, 1, 1), ((int)outcome.Json["rows"]!, (int)outcome.Json["bad_rows"]!, (int)outcome.Json["rows_without_targets"]!, (int)outcome.Json["rows_cut_to_nothing"]!));
        Assert.Equal([2, 1, 1], outcome.Json["errors"]!.AsArray().Select(e => (int)e!["rows"]!));
        Assert.Contains("bad", (string?)outcome.Json["error"]!["place"]);
        Assert.StartsWith("error: ", outcome.Error);
        var skipped = Program.Run([.. arguments, "--set", "bad_rows=skip"]).Good();
        Assert.Equal(4, (int)skipped.Json["bad_rows"]!);
        Assert.Null(skipped.Json["error"]);
    }

    [Theory]
    [InlineData("", "data to look at")]
    [InlineData("none.jsonl", "none.jsonl")]
    [InlineData("x.xls", ".xls")]
    public void Says_what_is_missing(string file, string says)
    {
        string path = file == "x.xls" ? world.Fresh("x") + file : file;
        if (file == "x.xls") File.WriteAllText(path, "");
        var outcome = Program.Run(["data", .. path.Length > 0 ? [path] : Array.Empty<string>(), "--json"]);
        Assert.Equal(2, outcome.Code);
        Assert.Contains(says, outcome.Error);
        Assert.Contains(says, (string?)outcome.Json["error"]!["message"]);
    }

    [Fact]
    public void Trains_and_evaluates_on_columns_of_weighted_files_of_several_kinds()
    {
        string folder = world.Fresh("mixed"), run = world.Fresh("run");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "a.csv"), "q,a\none,two\nthree,four\nfive,six\nseven,eight\n");
        File.WriteAllText(Path.Combine(folder, "b.json"), """{"data": [{"q": "nine", "a": "ten"}, {"q": 3}]}""");
        string[] settings = ["--set", "columns={prompt: q, completion: a}", "--set", "bad_rows=skip"];
        string config = world.Fresh("config") + ".yaml";
        File.WriteAllText(config, $"model: {world.Model}\ndata:\n  - path: {folder}/a.csv\n    weight: 0.5\n  - {folder}/b.json\neval_data: [{folder}/a.csv, {folder}/b.json]\ncolumns: {{prompt: q, completion: a}}\nbad_rows: skip\nbatch_size: 3\nmax_steps: 2\ndtype: float32\nadapter: {{peft_type: LORA, r: 2, target_modules: [q_proj]}}\n");
        var line = Program.Run("train", "--config", config, "--output", run, "--threads", "1", "--json").Good();
        Assert.Contains("3 rows (1 unusable", line.Error);
        Assert.Equal(2.0, (double)line.Json["epoch"]!);
        Assert.Contains("weight", File.ReadAllText(Path.Combine(run, "run.yaml")));
        Assert.Contains("chat_date", File.ReadAllText(Path.Combine(run, "run.yaml")));
        var eval = Program.Run(["eval", "--model", world.Model, "--adapter", Path.Combine(run, "adapter"), "--data", Path.Combine(folder, "a.csv"), "--data", Path.Combine(folder, "b.json"), "--json", .. settings]).Good().Json;
        Assert.Equal((5, 1), ((int)eval["rows"]!, (int)eval["skipped_rows"]!));
        Assert.Equal((double)line.Json["eval_loss"]!, (double)eval["loss"]!, 4);
    }
}

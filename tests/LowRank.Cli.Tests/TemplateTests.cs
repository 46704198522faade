using System.Text.Json.Nodes;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>A template that is not the model's, an end of turn that is not its end of text: every verb writes and stops alike.</summary>
public class TemplateTests
{
    private const string Template =
        "{% for m in messages %}{{ m.role[0] }}{{ m.content }}\u0103{% endfor %}{% if add_generation_prompt %}a{% endif %}";
    private readonly string _home = Paths.Temporary();

    private string At(string name) => Path.Combine(_home, name);

    // The model ends texts with byte 2, the template turns with byte 3.
    private string Model()
    {
        string model = ByteTokenizer.Beside("llama"), tokenizer = Path.Combine(model, "tokenizer.json");
        var json = JsonNode.Parse(File.ReadAllText(tokenizer))!;
        var turn = json["added_tokens"]![0]!.DeepClone();
        (turn["id"], turn["content"]) = (3, "\u0103");
        json["added_tokens"]!.AsArray().Add(turn);
        File.WriteAllText(tokenizer, json.ToJsonString());
        File.WriteAllText(Path.Combine(model, "tokenizer_config.json"), """{"eos_token": "\u0102"}""");
        return model;
    }

    [Fact]
    public void A_run_s_template_and_ends_go_with_its_adapter_into_every_verb()
    {
        string model = Model(), rows = At("rows.jsonl"), run = At("run"), adapter = Path.Combine(run, "adapter");
        File.WriteAllText(At("t.jinja"), Template);
        (string, string)[] said = [("1", "x"), ("2", "yy"), ("3", "z")];
        File.WriteAllLines(rows, said.Select(r =>
            $$"""{"messages": [{"role": "user", "content": "{{r.Item1}}"}, {"role": "assistant", "content": "{{r.Item2}}"}]}"""));
        string[] quick = ["--threads", "1", "--dtype", "float32"];
        Program.Run(["train", "--model", model, "--data", rows, "--output", run, "--set", $"chat_template={At("t.jinja")}",
            "--set", "max_steps=60", "--set", "learning_rate=0.03", "--quiet", .. quick]).Good();
        Assert.Equal(Template, File.ReadAllText(Path.Combine(adapter, "chat_template.jinja")));
        var ends = JsonNode.Parse(File.ReadAllText(Path.Combine(adapter, "generation_config.json")))!["eos_token_id"]!;
        Assert.Equal("[2,3]", ends.ToJsonString());

        string merged = At("merged");
        var told = Program.Run(["merge", "--model", model, "--adapter", adapter, "--output", merged, .. quick]).Good();
        Assert.Equal($"The chat template is the adapter's own, {adapter}/chat_template.jinja; the model has none.", told.Error.Trim());
        foreach (string[] with in new string[][] { ["--model", model, "--adapter", adapter], ["--model", merged] })
        {
            var eval = Program.Run(["eval", .. with, "--data", rows, "--generate", "--json", .. quick]).Good().Json;
            Assert.Equal((1.0, 3), ((double)eval["exact_match"]!, (int)eval["inputs"]!));
        }
        string report = File.ReadAllText(Path.Combine(run, "report.html"));
        foreach (string answer in (string[])["x", "yy", "z"])
            Assert.Contains($"<dd class=\"after\">{answer}</dd>", report, StringComparison.Ordinal);
        File.WriteAllLines(At("questions.jsonl"), said.Select(r => $$"""{"messages": [{"role": "user", "content": "{{r.Item1}}"}]}"""));
        var generated = Program.Run(["generate", "--model", model, "--adapter", adapter, "--prompts", At("questions.jsonl"), "--greedy",
            "--json", .. quick]);
        Assert.Equal(["x", "yy", "z"], generated.Good().Json.AsArray().Select(g => (string)g!["text"]!));
    }

    [Fact]
    public void The_settings_decide_how_conversations_are_written_and_which_turns_are_learnt()
    {
        string model = Model(), rows = At("rows.jsonl");
        File.WriteAllText(Path.Combine(model, "chat_template.jinja"), "{{ strftime_now('%Y-%m-%d') }}" + Template);
        File.WriteAllText(At("t.jinja"), "T" + Template);
        File.WriteAllText(rows, """{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "x"}, """
            + """{"role": "user", "content": "2"}, {"role": "assistant", "content": "yy"}]}""");
        string Shown(params string[] settings)
        {
            var json = Program.Run(["data", rows, "--model", model, "--json", .. settings.SelectMany(s => new[] { "--set", s })]).Good().Json;
            var parts = json["samples"]![0]!["parts"]!.AsArray().Select(p => (bool)p!["trained"]! ? $"[{p["text"]}]" : $"{p["text"]}");
            return string.Concat(parts).Replace('\u0003', '.'); // the end of a turn
        }
        Assert.Equal("2021-03-04u1.a[x.]u2.a[yy.]", Shown("chat_date=2021-03-04"));
        Assert.Equal("Tu1.ax.u2.a[yy.]", Shown($"chat_template={At("t.jinja")}", "assistant_turns=last"));
    }

    [Fact]
    public void A_faulty_template_is_told_once_also_where_rows_need_none()
    {
        string model = Model(), place = Path.Combine(model, "chat_template.jinja");
        File.WriteAllText(place, "{% for m in messages %}{{ m.content }");
        File.WriteAllText(At("rows.jsonl"), """{"prompt": "1", "completion": "x"}""" + "\n" + """{"prompt": "2", "completion": "y"}""");
        string said = $"{place}, line 1, column 37: the chat template does not compile: unexpected '}}'. "
            + "Correct the template, name another one with chat_template, or do without: chat_template none.";
        var train = Program.Run("train", "--model", model, "--data", At("rows.jsonl"), "--output", At("run"), "--quiet");
        Assert.Equal((2, "error: " + said), (train.Code, train.Error.Trim()));
        var eval = Program.Run("eval", "--model", model, "--data", At("rows.jsonl"));
        Assert.Equal((2, "error: " + said), (eval.Code, eval.Error.Trim()));
        Assert.False(Directory.Exists(At("run")));
    }
}

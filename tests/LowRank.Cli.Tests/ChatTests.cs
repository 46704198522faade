using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Models;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

/// <summary>`chat` with redirected input: what it says, keeps, switches and saves.</summary>
[Collection(SharedWorld.Name)]
public class ChatTests(World world)
{
    // Byte 2 ends a turn; its letter in the byte alphabet is what the vocabulary has.
    private const string Template = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\u0102{% endfor %}{% if add_generation_prompt %}a:{% endif %}";

    private string[] Arguments(params string[] more)
    {
        string template = world.At("chat.jinja");
        File.WriteAllText(template, Template);
        return ["chat", "--model", world.Model, "--template", template, "--greedy", "--ignore-eos", "--max-new-tokens", "6", "--threads", "1", .. more];
    }

    private static Program.Outcome Chat(string[] arguments, params string[] lines)
    {
        var process = Program.Start(arguments);
        foreach (string line in lines) process.StandardInput.WriteLine(line);
        return Program.Finish(process);
    }

    /// <summary>The answers that the engine gives to these conversations, each with its adapters.</summary>
    private List<string> Expected(params (string Text, (string, double)[] Adapters)[] prompts)
    {
        using var model = ModelLoader.Load(world.Model);
        var tokenizer = Text.Tokenizer.FromFolder(world.Model);
        var host = AdapterHost.Attach(model);
        host.Load("a", world.At("a"));
        host.Load("b", world.At("b"));
        List<string> answers = [];
        foreach (var (text, adapters) in prompts)
        {
            host.Activate(adapters);
            string prompt = text;
            for (int i = 0; i < answers.Count; i++) prompt = prompt.Replace($"<{i}>", answers[i], StringComparison.Ordinal);
            answers.Add(new Generator(model, tokenizer, host).Generate([new(tokenizer.Encode(prompt))], new() { Greedy = true, MaxNewTokens = 6 })[0].Text!);
        }
        host.Detach();
        return answers;
    }

    [Fact]
    public void A_conversation_keeps_its_history_and_switches_adapters()
    {
        var expected = Expected(
            ("u:Hello\u0102a:", [("a", 1)]),
            ("u:Hello\u0102a:<0>\u0102u:Again\u0102a:", [("a", 1)]),
            ("u:Hello\u0102a:<0>\u0102u:Again\u0102a:<1>\u0102u:More\u0102a:", [("b", 0.5)]),
            ("s:Be kind\u0102u:Hello\u0102a:<0>\u0102u:Again\u0102a:<1>\u0102u:More\u0102a:<2>\u0102u:On\u0102a:", [("b", -1)]),
            ("s:Be kind\u0102u:Hello\u0102a:", []));
        var outcome = Chat(Arguments("--adapter", world.At("a"), "--json"),
            "Hello", "Again", $"/adapter {world.At("b")}=0.5", "More", "/system Be kind", "/scale -1", "", "On", "/reset", "/adapter off", "Hello").Good();
        var turns = outcome.Json["turns"]!.AsArray();
        Assert.Equal(expected, turns.Select(t => (string)t!["text"]!));
        Assert.Equal(["""{"a":1}""", """{"a":1}""", """{"b":0.5}""", """{"b":-1}""", "{}"], turns.Select(t => t!["adapters"]!.ToJsonString()));
        Assert.All(turns, t => World.HasKeys(t, "finish_reason", "prompt_tokens", "reused_tokens", "new_tokens", "prefill_seconds", "decode_seconds"));
        // The second turn reads only what is new; another adapter reads all again.
        Assert.True((int)turns[1]!["reused_tokens"]! >= "u:Hello.a:".Length, turns[1]!.ToJsonString());
        Assert.Equal([0, 0, 0], turns.Skip(2).Select(t => (int)t!["reused_tokens"]!));
        Assert.Equal(["system: Be kind", "user: Hello", "assistant: " + expected[4]], outcome.Json["messages"]!.AsArray().Select(m => $"{m!["role"]}: {m["content"]}"));
    }

    [Fact]
    public void Plain_output_is_the_answers_and_undo_retry_and_save_do_what_they_say()
    {
        string file = world.Fresh("saved") + ".jsonl";
        var expected = Expected(("u:One\u0102a:", []), ("u:One\u0102a:<0>\u0102u:Two\nlines\u0102a:", []), ("u:One\u0102a:<0>\u0102u:/Three\u0102a:", []));
        var outcome = Chat(Arguments(), "One", "Two\\", "lines", "/undo", "\"\"\"", "Two", "lines", "\"\"\"", "/retry", "/undo", "//Three", $"/save {file}", "/reset", "One", $"/save {file}", "/exit", "never said").Good();
        Assert.Equal(string.Concat(((int[])[0, 1, 1, 1, 2, 0]).Select(i => expected[i] + "\n")), outcome.Out);
        Assert.Contains("Saved as row 2", outcome.Error);
        var rows = File.ReadAllLines(file).Select(l => JsonNode.Parse(l)!["messages"]!.AsArray()).ToList();
        Assert.Equal(["One", expected[0], "/Three", expected[2]], rows[0].Select(m => (string)m!["content"]!));
        Assert.Equal(["user", "assistant"], rows[1].Select(m => (string)m!["role"]!));
    }

    [Theory]
    [InlineData("/adaptor a", "/adapter")]
    [InlineData("/adapter c", "there is no adapter of this name")]
    [InlineData("/adapter a=x", "a strength is not a number")]
    [InlineData("/adapter a a", "an adapter is given twice")]
    [InlineData("/scale", "needs something behind it")]
    [InlineData("/scale lots", "a strength is not a number")]
    [InlineData("/reset all", "takes nothing")]
    [InlineData("/save x.jsonl", "nothing was said yet")]
    public void A_wrong_line_of_redirected_input_is_one_clear_error(string line, string said)
    {
        var outcome = Chat(Arguments("--adapter", world.At("a"), "--json"), line, "Hello");
        Assert.Equal(2, outcome.Code);
        Assert.Contains(said, (string)outcome.Json["error"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_template_says_what_to_do()
    {
        var outcome = Chat(["chat", "--model", world.Model, "--json"], "Hello");
        Assert.Equal(2, outcome.Code);
        Assert.Contains("--template", (string)outcome.Json["error"]!["remedy"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_s_own_template_is_used_where_it_acts()
    {
        string adapter = world.Fresh("with-template"), place = Path.Combine(adapter, "chat_template.jinja");
        Directory.CreateDirectory(adapter);
        foreach (string file in Directory.EnumerateFiles(world.At("a"))) File.Copy(file, Path.Combine(adapter, Path.GetFileName(file)));
        File.WriteAllText(place, Template);
        string[] arguments = [.. Arguments("--json").Where(a => !a.EndsWith(".jinja", StringComparison.Ordinal) && a != "--template")];
        var outcome = Chat([.. arguments, "--adapter", adapter], "Hello").Good();
        Assert.Equal(Expected(("u:Hello\u0102a:", [("a", 1)])), outcome.Json["turns"]!.AsArray().Select(t => (string)t!["text"]!));
        Assert.StartsWith($"The chat template is the adapter's own, {place}; the model has none.", outcome.Error, StringComparison.Ordinal);

        // Another adapter with another template, loaded on the way, is asked as it was trained.
        string other = world.Fresh("other-template");
        Directory.CreateDirectory(other);
        foreach (string file in Directory.EnumerateFiles(world.At("b"))) File.Copy(file, Path.Combine(other, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(other, "chat_template.jinja"), Template.Replace("a:", "b:", StringComparison.Ordinal));
        outcome = Chat([.. arguments, "--adapter", adapter], $"/adapter {other}", "Hello").Good();
        Assert.Equal(Expected(("u:Hello\u0102b:", [("b", 1)])), outcome.Json["turns"]!.AsArray().Select(t => (string)t!["text"]!));
        var both = Chat([.. arguments, "--adapter", adapter, "--adapter", other], "Hello");
        Assert.Equal(2, both.Code);
        Assert.Contains("different chat templates", (string)both.Json["error"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_answers_conversations()
    {
        string messages = world.Fresh("messages") + ".json", rows = world.Fresh("rows") + ".jsonl";
        File.WriteAllText(messages, """[{"role":"user","content":"Hello"}]""");
        File.WriteAllLines(rows, ["""{"messages":[{"role":"user","content":"Hello"}]}""", """{"prompt":"Hello"}"""]);
        string[] arguments = [.. Arguments("--json").Skip(1)];
        string expected = Expected(("u:Hello\u0102a:", []))[0];
        var single = Program.Run(["generate", .. arguments, "--messages", messages]).Good().Json;
        Assert.Equal((expected, "Hello"), ((string)single[0]!["text"]!, (string)single[0]!["prompt"]![0]!["content"]!));
        Assert.Equal([expected, Expected(("Hello", []))[0]], Program.Run(["generate", .. arguments, "--prompts", rows]).Good().Json.AsArray().Select(r => (string)r!["text"]!));
        File.WriteAllText(messages, """[{"role":"user","content":[{"type":"image"}]}]""");
        var refused = Program.Run(["generate", .. arguments, "--messages", messages]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("has a part of type \"image\"", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_standard_input_it_does_not_wait()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "what the runtime puts in its place is told by /proc");
        var outcome = Program.InShell("<&-", Arguments());
        Assert.Equal(2, outcome.Code);
        Assert.Contains("standard input is closed", outcome.Error);
    }
}

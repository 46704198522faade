using LowRank.TestKit;

namespace LowRank.Cli.Tests;

public class RenderTests
{
    private readonly string _home = Paths.Temporary();

    [Fact]
    public void Many_cases_in_one_start()
    {
        string cases = Write("cases.json", """
            {"now": "2024-07-26T12:34:56", "variables": {"n": 1.0, "big": 12345678901234567890}, "cases": [
              {"template": "{{ n }} {{ big + 1 }} {{ strftime_now('%d %b %Y') }} {{ messages is defined }}"},
              {"messages": [{"role": "user", "content": "😀", "name": null}], "add_generation_prompt": true},
              {"template": "{{ raise_exception('no ' ~ n) }}", "variables": {"n": 2}},
              {"template": "{% if %}"}, {"template": "{{ x.y }}"}, {"template": "{{ 1 / 0 }}"}, {"template": "{{ [].append(1) }}"}]}
            """);
        string template = Write("t.jinja", "{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}{{ m.name is defined }}{% endfor %}{{ add_generation_prompt }}{{ tools }}\n");
        var answers = Program.Run("render", "--cases", cases, "--template", template, "--json").Good().Json.AsArray();
        Assert.Equal("1.0 12345678901234567891 26 Jul 2024 False", (string?)answers[0]!["text"]);
        Assert.Equal("""{"text":"<user>😀FalseTrueNone","generation":[[6,7]]}""", answers[1]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).Replace("\\uD83D\\uDE00", "😀"));
        Assert.Equal(["raised", "syntax", "undefined", "runtime", "security"], answers.Skip(2).Select(a => (string?)a!["error"]!["kind"]));
        Assert.Equal("no 2", (string?)answers[2]!["error"]!["message"]);
    }

    [Fact]
    public void One_conversation_with_a_model()
    {
        string model = ByteTokenizer.Beside("llama");
        File.WriteAllText(Path.Combine(model, "chat_template.jinja"), "{% for m in messages %}{{ m.role[0] }}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}{% if add_generation_prompt %}>{% endif %}");
        string messages = Write("m.json", """[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]""");
        var answer = Program.Run("render", "--model", model, "--messages", messages, "--add-generation-prompt", "--json").Good().Json[0]!;
        Assert.Equal("uHiaYo>", (string?)answer["text"]);
        Assert.Equal("[117,72,105,97,89,111,62]", answer["ids"]!.ToJsonString());
        Assert.Equal("[0,1,1,0,1,1,0]", answer["assistant_mask"]!.ToJsonString());
        Assert.Equal("uHiaYo\n", Program.Run("render", "--model", model, "--messages", Write("o.json", """{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}""")).Good().Out);
    }

    [Fact]
    public void What_is_wrong_is_one_clear_message()
    {
        string messages = Write("m.json", """[{"role": "user", "content": "Hi"}]"""), template = Write("t.jinja", "a\n{{ messages[0].content.x.y }}");
        (string[] Arguments, string[] Words)[] wrong =
        [
            (["--messages", messages], ["--model"]),
            ([], ["--messages, --cases"]),
            (["--messages", messages, "--cases", messages], ["exclude"]),
            (["--messages", Path.Combine(_home, "no.json"), "--template", template], ["no.json", "does not exist"]),
            (["--messages", Write("b.json", "{"), "--template", template], ["b.json", "not JSON"]),
            (["--messages", Write("n.json", "[1]"), "--template", template], ["n.json", "a message"]),
            (["--messages", messages, "--template", template], ["undefined", "line 2, column 25", "has no attribute 'x'"]),
            (["--cases", messages], ["an object with cases"]),
            (["--cases", Write("c.json", """{"cases": [{}]}""")], ["there is no template"]),
            (["--cases", Write("w.json", """{"now": "noon", "cases": []}""")], ["noon"]),
        ];
        foreach (var (arguments, words) in wrong)
        {
            var outcome = Program.Run(["render", .. arguments]);
            Assert.True(outcome.Code == 2, $"{string.Join(' ', arguments)}: {outcome.Code}\n{outcome.Error}");
            Assert.All(words, w => Assert.Contains(w, outcome.Error));
        }
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_home, name);
        File.WriteAllText(path, text);
        return path;
    }
}

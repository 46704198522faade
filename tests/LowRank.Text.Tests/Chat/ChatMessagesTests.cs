using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Chat;

/// <summary>Messages are checked, and rewritten only where the template cannot read them.</summary>
public sealed class ChatMessagesTests
{
    private const string Parts = """[{"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}]""";
    private const string Loop = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}|{% endfor %}{% endif %}{% endfor %}";

    [Fact]
    public void Text_parts_are_joined_for_a_template_that_reads_texts_only()
    {
        Assert.Equal("<|im_start|>user\none\ntwo<|im_end|>\n", Prepared(PrefixRuleTests.ChatMl, Parts));
        Assert.Equal("one\ntwo", Prepared("{{ messages[0].content }}", Parts)); // which would print the list itself
        Assert.Equal("one|two|", Prepared(Loop, Parts));
    }

    [Theory]
    [InlineData("{{ c.function.arguments | tojson }}", "{\"city\": \"Oslo\", \"days\": 2}")] // a string would be quoted twice
    [InlineData("{% for k, v in c.function.arguments.items() %}{{ k }}={{ v }};{% endfor %}", "city=Oslo;days=2;")]
    [InlineData("{{ c.function.arguments }}", "{\"city\":\"Oslo\",\"days\":2}")]
    [InlineData("{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}", "{\"city\":\"Oslo\",\"days\":2}")]
    public void Arguments_in_a_string_become_an_object_where_the_template_needs_one(string call, string expected)
    {
        string template = "{% for m in messages %}{% for c in m.tool_calls or [] %}" + call + "{% endfor %}{% endfor %}";
        string messages = """[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"city\":\"Oslo\",\"days\":2}"}}]}]""";
        Assert.Equal(expected, Prepared(template, messages));
    }

    [Fact]
    public void Arguments_that_are_no_object_are_refused_where_one_is_needed()
    {
        var error = Assert.Throws<BadInputException>(() => Prepared("{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}",
            """[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":"city: Oslo"}}]}]"""));
        Assert.Contains("messages[1]: tool_calls[0]: function: arguments", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":1,"a":2}""", "a key stands twice in one object")]
    [InlineData("""{"a":"\ud800"}""", "holds half a surrogate pair")]
    [InlineData("""{"\ud800":1}""", "holds half a surrogate pair")]
    [InlineData("deep", "is nested too deep")]
    public void Arguments_that_cannot_be_written_are_one_error(string arguments, string said)
    {
        if (arguments == "deep") arguments = string.Concat(Enumerable.Repeat("{\"a\":", 63)) + "1" + new string('}', 63);
        string text = System.Text.Json.JsonSerializer.Serialize(arguments);
        string messages = $$$"""[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{{{text}}}}}]}]""";
        var error = Assert.Throws<BadInputException>(() => Prepared("{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}", messages));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""")]
    [InlineData("""{"variables":{"a":["\ud800"]}}""")]
    public void A_case_with_half_a_surrogate_pair_answers_with_its_error(string item)
    {
        var answers = new RenderJob(null, "{{ messages }}").Cases($$"""{"cases":[{{item}},{"messages":[]}]}""", "cases.json");
        Assert.Equal(("runtime", "a text of the request holds half a surrogate pair"), ((string)answers[0]!["error"]!["kind"]!, (string)answers[0]!["error"]!["message"]!));
        Assert.Equal("[]", (string)answers[1]!["text"]!);
        var key = System.Text.Json.JsonDocument.Parse("""[{"role":"user","\ud800":"a"}]""").RootElement;
        Assert.Throws<TemplateException>(() => ChatTemplate.Parse("{{ messages }}").Render(new ChatRequest { Messages = key }));
    }

    [Fact]
    public void One_conversation_tells_the_keys_that_change_nothing()
    {
        List<string> unused = [];
        var job = new RenderJob(null, "{{ messages[0].content }}{{ x }}");
        var answer = job.One("""{"messages":[{"role":"user","content":"a"}],"temperature":1,"id":7,"variables":{"x":2}}""", "one", false, unused);
        Assert.Equal(("a2", "temperature, id"), ((string)answer["text"]!, string.Join(", ", unused)));
    }

    [Theory]
    [InlineData("[]", "no messages")]
    [InlineData("{}", "no list")]
    [InlineData("[7]", "messages[0]")]
    [InlineData("""[{"content":"a"}]""", "has no \"role\"")]
    [InlineData("""[{"role":7,"content":"a"}]""", "role")]
    [InlineData("""[{"role":"asistant","content":"a"}]""", "assistant")]
    [InlineData("""[{"role":"user"}]""", "no content")]
    [InlineData("""[{"role":"user","content":"a","value":"b"}]""", "messages[0] has both \"role\" and \"value\"")]
    [InlineData("""[{"role":"assistant","content":null}]""", "no content")]
    [InlineData("""[{"role":"user","content":7}]""", "content")]
    [InlineData("""[{"role":"user","content":"\ud83d"}]""", "not Unicode text")]
    [InlineData("""[{"role":"user","content":["a"]}]""", "messages[0]: content[0]")]
    [InlineData("""[{"role":"user","content":[{"type":"text"}]}]""", "'text' is missing")]
    [InlineData("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]""", "reads text only")]
    [InlineData("""[{"role":"user","content":[{"type":"input_audio"}]}]""", "reads text only")]
    [InlineData("""[{"role":"assistant","content":"","tool_calls":{}}]""", "tool_calls")]
    [InlineData("""[{"role":"assistant","content":"","tool_calls":[{"function":{"arguments":{}}}]}]""", "'name' is missing")]
    [InlineData("""[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":[]}}]}]""", "arguments")]
    public void A_malformed_conversation_is_refused_with_the_place(string messages, string said)
    {
        var error = Assert.Throws<BadInputException>(() => PrefixRuleTests.Encoder(PrefixRuleTests.ChatMl).EncodeForTraining(PrefixRuleTests.Request(messages)));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{ messages[0].content", "does not compile")]
    [InlineData("{{ raise_exception('roles must alternate') }}", "refuses the conversation: roles must alternate")]
    [InlineData("{{ messages[0].content + 1 }}", "fails on every conversation")]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", "fails on every conversation")]
    [InlineData("{% if messages[0].content == 'a' %}{{ messages[0].content + 1 }}{% endif %}", "fails on this conversation")]
    [InlineData("{% if messages[0].content == 'a' %}{{ nobody.knows }}{% endif %}", "fails on this conversation")]
    public void A_template_s_error_is_one_message(string template, string said)
    {
        string file = Path.Combine(Paths.Temporary(), "t.jinja");
        File.WriteAllText(file, template);
        var error = Assert.Throws<BadInputException>(() => ChatEncoder.Of(Tokenizer.FromFolder(Paths.Golden("tokenizers/qwen2")), file)!.Encode(PrefixRuleTests.Request("""[{"role":"user","content":"a"}]""")));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Contains("line 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_is_chosen_by_name_file_or_folder()
    {
        string folder = Paths.Temporary(), adapter = Paths.Temporary();
        File.Copy(Path.Combine(Paths.Golden("tokenizers/qwen2"), "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        string? Text(string? choice, string more = "") => ChatEncoder.Of(Tokenizer.FromFolder(folder), choice)?.Render(ChatGoldenTests.Request(System.Text.Json.JsonDocument.Parse($$"""{"messages":[]{{more}}}""").RootElement)).Text;
        Assert.Null(Text(null));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":"<|im_end|>","chat_template":[{"name":"default","template":"one {{ eos_token }}"},{"name":"tool_use","template":"two"},{"name":"rag","template":"three"}]}""");
        Assert.Equal("one <|im_end|>", Text(null));
        Assert.Equal("two", Text(null, ""","tools":[{"type":"function","function":{"name":"f"}}]"""));
        Assert.Equal("one <|im_end|>", Text(null, ""","tools":[]"""));
        Assert.Equal("three", Text("rag"));
        File.WriteAllText(Path.Combine(adapter, "chat_template.jinja"), "four");
        Assert.Equal("four", Text(adapter));
        Assert.Equal("four", Text(Path.Combine(adapter, "chat_template.jinja")));
        Assert.Contains("rag", Assert.Throws<BadInputException>(() => Text("rga")).Message, StringComparison.Ordinal);
        Assert.Contains("no chat template", Assert.Throws<BadInputException>(() => Text(Paths.Temporary())).Message, StringComparison.Ordinal);
    }

    private static string Prepared(string template, string messages)
    {
        var encoder = PrefixRuleTests.Encoder(template);
        return encoder.Render(encoder.Prepare(PrefixRuleTests.Request(messages))).Text;
    }
}

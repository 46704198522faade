using System.Text.Json;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Chat;

/// <summary>Turns with weight 0, other names of roles and calls, and what a template passes over.</summary>
public sealed class TurnWeightTests
{
    private const string ChatMl = PrefixRuleTests.ChatMl;
    private const string Marked = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}";
    private static readonly Tokenizer Qwen = Tokenizer.FromFolder(Paths.Golden("tokenizers/qwen2"));

    private const string Turns = """[{"role":"user","content":"p"},{"role":"assistant","content":"bad","weight":0},{"role":"user","content":"q"},{"role":"assistant","content":"good","weight":1},{"role":"assistant","content":"worse","train":false}]""";

    [Theory]
    [InlineData(ChatMl)]
    [InlineData(Marked)]
    public void Turns_of_weight_0_are_no_targets_and_the_text_is_the_same(string template)
    {
        var tokens = PrefixRuleTests.Encoder(template).EncodeForTraining(PrefixRuleTests.Request(Turns));
        Assert.Equal("good<|im_end|>", Learnt(tokens));
        Assert.Equal("<|im_start|>user\np<|im_end|>\n<|im_start|>assistant\nbad<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\ngood<|im_end|>\n<|im_start|>assistant\nworse<|im_end|>\n", tokens.Text);
        var all = PrefixRuleTests.Encoder(template).EncodeForTraining(PrefixRuleTests.Request(Turns), assistantOnly: false);
        Assert.Equal(tokens.Text.Replace("bad<|im_end|>", "").Replace("worse<|im_end|>", ""), Learnt(all));
        Assert.Contains("weight other than 0", Refused(template, Turns, AssistantTurns.Last));
    }

    [Fact]
    public void A_turn_of_weight_0_need_not_be_where_the_rule_would_have_it()
    {
        string template = ChatMl.Replace("m['content']", "(m['content'] if loop.last else m['content'].split('</think>')[-1])",
            StringComparison.Ordinal);
        string chat = """[{"role":"user","content":"p"},{"role":"assistant","content":"<think>a</think>b","weight":0},{"role":"user","content":"q"},{"role":"assistant","content":"c"}]""";
        Assert.Equal("c<|im_end|>", Learnt(PrefixRuleTests.Encoder(template).EncodeForTraining(PrefixRuleTests.Request(chat))));
        Assert.Contains("differently", Refused(template, chat.Replace(",\"weight\":0", "")));
    }

    [Fact]
    public void Blocks_that_do_not_follow_the_turns_are_refused_where_weights_ask_for_them()
    {
        string merged = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}<|im_end|>";
        Assert.Contains("do not follow the assistant's turns", Refused(merged, Turns));
    }

    [Theory]
    [InlineData("human", "bot")]
    [InlineData("User", "Assistant")]
    [InlineData("USER", "gpt")]
    [InlineData("user", "model")]
    [InlineData("user", "chatgpt")]
    public void Other_names_of_roles_mean_the_usual_ones(string user, string assistant)
    {
        string chat = $$"""[{"role":"{{user}}","content":"q"},{"role":"{{assistant}}","content":"r"}]""";
        Assert.Equal("r<|im_end|>", Learnt(PrefixRuleTests.Encoder(ChatMl).EncodeForTraining(PrefixRuleTests.Request(chat))));
        Assert.Equal("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nr<|im_end|>\n", Prepared(ChatMl, chat));
    }

    [Fact]
    public void Calls_and_answers_of_tools_under_older_names()
    {
        const string Template = "{% for m in messages %}{{ m.role }}:{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %};{% endfor %}";
        string chat = """[{"role":"user","content":"q"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\": 1}"}},{"role":"function","name":"f","content":"3"}]""";
        Assert.Equal("user:q;assistant:f{\"a\": 1};tool:3;", Prepared(Template, chat));
        Assert.Equal("observation:3;", Prepared("{% for m in messages %}{{ m.role if m.role == 'observation' }}:{{ m.content }};{% endfor %}", """[{"role":"observation","content":"3"}]"""));
        Assert.Equal("tool:3;", Prepared("{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}", """[{"role":"observation","content":"3"}]"""));
        Assert.Contains("both \"function_call\" and \"tool_calls\"", Refused(Template, """[{"role":"assistant","content":"","function_call":{"name":"f"},"tool_calls":[{"function":{"name":"g"}}]}]"""));
    }

    [Theory]
    [InlineData("""[{"role":"user","content":"q"},{"role":"assistant","content":"r","tool_calls":[{"function":{"name":"f"}}]}]""", "\"tool_calls\"")]
    [InlineData("""[{"role":"user","content":"q"},{"role":"assistant","content":"r","reasoning_content":"because"}]""", "\"reasoning_content\"")]
    [InlineData("""[{"role":"user","content":"q","mood":"gay"},{"role":"assistant","content":"r","prefix":true}]""", "\"mood\", \"prefix\"")]
    [InlineData("""[{"role":"user","content":"q"},{"role":"assistant","content":"r","train_detail":[{"begin_offset":0}]}]""", "\"train_detail\"")]
    [InlineData("""[{"role":"user","content":"q"},{"role":"assistant","content":"r","reasoning_contents":"x"}]""", "'reasoning_content'")]
    public void What_the_template_does_not_read_is_refused(string chat, string says)
        => Assert.Contains(says,
        Assert.Throws<BadInputException>(() => PrefixRuleTests.Encoder(ChatMl).RefuseUnread(PrefixRuleTests.Request(chat))).Message);

    [Fact]
    public void Tools_documents_and_variables_likewise_and_what_it_reads_is_used()
    {
        var request = PrefixRuleTests.Request("""[{"role":"user","content":"q","mood":"gay","name":"Ann","id":3}]""");
        var list = JsonDocument.Parse("""[{"a":1}]""").RootElement;
        string told = Assert.Throws<BadInputException>(() => PrefixRuleTests.Encoder("{{ messages[0].mood }}").RefuseUnread(request with { Tools = list, Documents = list, Variables = new Dictionary<string, JsonElement> { ["enable_thinking"] = list } })).Message;
        Assert.Contains("does not read \"tools\", \"documents\", \"enable_thinking\": the model would never see them", told);
        string whole = "{{ messages | tojson }}{{ tools | length }}{{ documents | length }}{{ x }}";
        var encoder = PrefixRuleTests.Encoder(whole);
        request = request with { Tools = list, Documents = list, Variables = new Dictionary<string, JsonElement> { ["x"] = list } };
        encoder.RefuseUnread(request);
        Assert.Contains("\"mood\": \"gay\"", encoder.Render(encoder.Prepare(request)).Text);
    }

    [Theory]
    [InlineData("{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ m.content }}{% endif %}{% endfor %}", "messages[0] (system)")]
    [InlineData("{% for m in messages %}{% if loop.first and m.role == 'system' or m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
        "messages[2] (system)")]
    [InlineData("{% for m in messages %}{{ m.content }}{% endfor %}", null)]
    public void A_turn_that_the_template_passes_over_is_refused(string template, string? says)
    {
        const string Chat = """[{"from":"system","value":"be kind"},{"from":"human","value":"q"},{"from":"system","value":"be kind"},{"from":"gpt","value":"r"}]""";
        var encoder = PrefixRuleTests.Encoder(template);
        if (says is null) Assert.Equal([], encoder.RefuseUnread(PrefixRuleTests.Request(Chat)));
        else
        {
            string told = Assert.Throws<BadInputException>(() => encoder.RefuseUnread(PrefixRuleTests.Request(Chat))).Message;
            Assert.Contains("the chat template does not read ", told);
            Assert.Contains(says, told);
            Assert.DoesNotContain("ignore_columns", told);
        }
    }

    [Fact]
    public void Remarks_of_turns_that_it_does_not_read_are_told()
    {
        var request = PrefixRuleTests.Request(
            """[{"role":"user","content":"q","name":"Ann","score":3},{"role":"assistant","content":"r","id":null}]""");
        Assert.Equal(["messages.name", "messages.score"], PrefixRuleTests.Encoder(ChatMl).RefuseUnread(request));
        Assert.Equal(["messages.score"],
            PrefixRuleTests.Encoder("{% for m in messages %}{{ m.content }}{{ m.name }}{% endfor %}").RefuseUnread(request));
        Assert.Equal([], PrefixRuleTests.Encoder("{{ messages | tojson }}").RefuseUnread(request));
    }

    [Theory]
    [InlineData("\"output\":\"r\",\"function\":{\"name\":\"f\"}", "does not read \"tool_calls.output\"")]
    [InlineData("\"function\":{\"name\":\"f\",\"result\":1}", "ignore_columns: [tool_calls.result]")]
    [InlineData("\"function\":{\"name\":\"f\"},\"arguments\":{\"a\":1}", "\"tool_calls.arguments\"")]
    [InlineData("\"function\":{\"name\":\"f\"},\"weight\":0", "a call has a weight of its own")]
    [InlineData("\"function\":{\"name\":\"f\",\"loss_mask\":1}", "got loss_mask")]
    [InlineData("\"name\":\"f\",\"train\":false", "got train")]
    public void Keys_of_calls_are_read_or_refused(string call, string says)
    {
        const string Template = "{% for m in messages %}{{ m.content }}"
            + "{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}";
        string chat = $$"""[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[{"id":"1",{{call}}}]}]""";
        Assert.Contains(says, Assert.Throws<BadInputException>(() =>
        {
            PrefixRuleTests.Encoder(Template).RefuseUnread(PrefixRuleTests.Request(chat));
            Prepared(Template, chat);
        }).Message);
    }

    [Fact]
    public void Keys_of_calls_that_the_template_reads_and_all_of_arguments_pass()
    {
        const string Call = """{"id":"1","type":"function","index":0,"mood":"gay","function":{"name":"f","arguments":{"weight":70}}}""";
        string chat = $$"""[{"role":"assistant","content":"","tool_calls":[{{Call}}]}]""";
        Assert.Equal([], PrefixRuleTests.Encoder("{{ messages[0].tool_calls[0] | tojson }}").RefuseUnread(PrefixRuleTests.Request(chat)));
        Assert.Equal("gay70",
            Prepared("{% set c = messages[0].tool_calls[0] %}{{ c.mood }}{{ c.function.arguments.weight }}", chat));
    }

    [Fact]
    public void A_content_that_has_the_end_token_already_is_refused()
    {
        foreach (string content in (string[])["r<|im_end|>", "r<|im_end|>\\n"])
            Assert.Contains("messages[1]: the content ends with a token that ends turns", Refused(ChatMl, $$"""[{"role":"user","content":"q"},{"role":"assistant","content":"{{content}}"}]"""));
    }

    private static string Refused(string template, string messages, AssistantTurns turns = AssistantTurns.All)
        => Assert.Throws<BadInputException>(() => PrefixRuleTests.Encoder(template).EncodeForTraining(PrefixRuleTests.Request(messages),
            turns: turns)).Message;

    private static string Prepared(string template, string messages)
    {
        var encoder = PrefixRuleTests.Encoder(template);
        return encoder.Render(encoder.Prepare(PrefixRuleTests.Request(messages))).Text;
    }

    private static string Learnt(ChatTokens tokens) => Qwen.Decode([.. tokens.Ids.Where((_, i) => tokens.AssistantMask[i] == 1)]);
}

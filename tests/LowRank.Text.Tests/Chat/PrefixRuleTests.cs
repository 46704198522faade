using System.Text.Json;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text.Chat;
using LowRank.Text.Templates;
using Xunit;

namespace LowRank.Text.Tests.Chat;

/// <summary>Which tokens are the assistant's where the template does not say so, and when that is refused.</summary>
public sealed class PrefixRuleTests
{
    internal const string ChatMl = """{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""";
    private const string TwoTurns = """[{"role":"system","content":"Be kind."},{"role":"user","content":"2+2?"},{"role":"assistant","content":"4 💡"},{"role":"user","content":"Sure?"},{"role":"assistant","content":"Yes."}]""";

    private static readonly Tokenizer Qwen = Tokenizer.FromFolder(Paths.Golden("tokenizers/qwen2"));

    [Fact]
    public void Contents_and_their_end_tokens_are_targets_and_nothing_else()
        => Assert.Equal(["4 💡<|im_end|>", "Yes.<|im_end|>"], Targets(ChatMl, TwoTurns));

    [Fact]
    public void Only_the_last_turn_on_request()
        => Assert.Equal(["Yes.<|im_end|>"], Targets(ChatMl, TwoTurns, AssistantTurns.Last));

    [Fact]
    public void All_tokens_on_request()
    {
        var tokens = Encoder(ChatMl).EncodeForTraining(Request(TwoTurns), assistantOnly: false);
        Assert.All(tokens.AssistantMask, m => Assert.Equal(1, m));
        Assert.Equal(Qwen.Encode(tokens.Text, addSpecialTokens: false), tokens.Ids);
    }

    [Fact]
    public void A_row_may_end_with_the_user()
        => Assert.Equal(["b<|im_end|>"], Targets(ChatMl, """[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]"""));

    [Fact]
    public void Turns_that_follow_each_other_and_empty_ones_are_targets_too()
        => Assert.Equal(["<|im_end|>", "b<|im_end|>"], Targets(ChatMl, """[{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"assistant","content":"b"}]"""));

    [Fact]
    public void A_text_s_end_token_behind_the_turn_s_is_a_target()
        => Assert.Equal(["4 💡<|im_end|>", "Yes.<|im_end|>\n<|endoftext|>"], Targets(ChatMl + "{% if not add_generation_prompt %}<|endoftext|>{% endif %}", TwoTurns));

    [Fact]
    public void What_the_template_writes_before_the_content_is_a_target_if_it_is_not_in_the_prompt()
        => Assert.Equal(["<think></think>b<|im_end|>"], Targets(ChatMl.Replace("m['content']", "('<think></think>' if m.role == 'assistant' else '') + m['content']", StringComparison.Ordinal), """[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"""));

    [Fact]
    public void A_template_that_drops_earlier_reasoning_is_refused_but_for_the_last_turn()
    {
        string template = ChatMl.Replace("m['content']", "(m['content'] if loop.last else m['content'].split('</think>')[-1])", StringComparison.Ordinal);
        string chat = TwoTurns.Replace("4 💡", "<think>two and two</think>4", StringComparison.Ordinal);
        var error = Refused(template, chat);
        Assert.Contains("messages[2]", error.Message, StringComparison.Ordinal);
        Assert.Contains("differently once later turns follow", error.Message, StringComparison.Ordinal);
        Assert.Contains("{% generation %}", error.Remedy, StringComparison.Ordinal);
        Assert.Equal(["Yes.<|im_end|>"], Targets(template, chat, AssistantTurns.Last));
        // Without any reasoning the same template loses nothing.
        Assert.Equal(["4 💡<|im_end|>", "Yes.<|im_end|>"], Targets(template, TwoTurns));
    }

    [Theory]
    [InlineData("{% for m in messages|reverse %}", "does not begin this assistant turn with its generation prompt")]
    [InlineData("{{ 'x' if messages|length > 3 else '' }}{% for m in messages %}", "what comes before this assistant turn differently once later turns follow")]
    [InlineData("{{ messages|length }}{% for m in messages %}", "does not begin this assistant turn with its generation prompt")]
    public void A_template_that_reorders_or_counts_is_refused(string loop, string said)
        => Assert.Contains(said, Refused(ChatMl.Replace("{% for m in messages %}", loop, StringComparison.Ordinal), TwoTurns).Message, StringComparison.Ordinal);

    [Fact]
    public void A_generation_prompt_that_the_turns_do_not_have_is_refused()
        => Assert.Contains("generation prompt", Refused(ChatMl.Replace("assistant\\n' }}{% endif", "assistant\\n<think>\\n' }}{% endif", StringComparison.Ordinal), TwoTurns).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("</s>")] // no token of this tokenizer
    [InlineData("<|im_end|>bye")]
    public void A_turn_without_an_end_token_is_refused(string end)
        => Assert.Contains("the token that ends this assistant turn cannot be found", Refused(ChatMl.Replace("<|im_end|>", end, StringComparison.Ordinal), TwoTurns).Message, StringComparison.Ordinal);

    [Fact]
    public void A_token_across_the_border_is_refused()
    {
        // "o" and "ne" make one token "one".
        string template = ChatMl.Replace("assistant\\n' }}{% endif", "assistant\\no' }}{% endif", StringComparison.Ordinal).Replace("m['content']", "('o' if m.role == 'assistant' else '') + m['content']", StringComparison.Ordinal);
        Assert.NotEqual(Qwen.Encode("one").Length, Qwen.Encode("o").Length + Qwen.Encode("ne").Length);
        Assert.Contains("share a token", Refused(template, """[{"role":"user","content":"a"},{"role":"assistant","content":"ne end"}]""").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_cannot_render_the_beginning_is_refused_with_its_words()
        => Assert.Contains("no user yet", Refused("{% if messages|selectattr('role', 'equalto', 'user')|list|length == 0 %}{{ raise_exception('no user yet') }}{% endif %}" + ChatMl, """[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]""").Message, StringComparison.Ordinal);

    [Fact]
    public void A_conversation_without_the_assistant_is_refused()
        => Assert.Contains("no assistant turn", Refused(ChatMl, """[{"role":"user","content":"a"}]""").Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{% generation %}{{ m['content'] }}{% endgeneration %}<|im_end|>\n")]
    [InlineData("{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}")]
    public void A_marking_template_needs_no_rule_and_its_end_token_is_a_target(string turn)
    {
        string template = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m.role == 'assistant' %}" + turn + "{% else %}{{ m['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}";
        Assert.Equal(["4 💡<|im_end|>", "Yes.<|im_end|>"], Targets(template, TwoTurns));
        Assert.Equal(["Yes.<|im_end|>"], Targets(template, TwoTurns, AssistantTurns.Last));
    }

    [Fact]
    public void The_end_token_of_a_turn_is_known_to_generation()
    {
        Assert.Equal([Qwen.IdOf("<|im_end|>")!.Value], Encoder(ChatMl).EndIds);
        Assert.Empty(Encoder("{% for m in messages %}{{ m.content }}{% endfor %}").EndIds);
    }

    internal static ChatEncoder Encoder(string template) => new(Qwen, ChatTemplate.Parse(template), new Dictionary<string, JsonElement>());

    internal static ChatRequest Request(string messages) => new() { Messages = JsonDocument.Parse(messages).RootElement };

    private static BadInputException Refused(string template, string messages) => Assert.Throws<BadInputException>(() => Encoder(template).EncodeForTraining(Request(messages)));

    /// <summary>The texts of the runs of targets.</summary>
    private static List<string> Targets(string template, string messages, AssistantTurns turns = AssistantTurns.All)
    {
        var tokens = Encoder(template).EncodeForTraining(Request(messages), turns: turns);
        Assert.Equal(Qwen.Encode(tokens.Text, addSpecialTokens: false), tokens.Ids);
        List<string> runs = [];
        for (int i = 0, from; i < tokens.Ids.Length; i++)
        {
            if (tokens.AssistantMask[i] == 0) continue;
            for (from = i; i < tokens.Ids.Length && tokens.AssistantMask[i] == 1; i++) { }
            runs.Add(Qwen.Decode(tokens.Ids[from..i]));
        }
        return runs;
    }
}

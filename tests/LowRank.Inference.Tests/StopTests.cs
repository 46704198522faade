using LowRank.Text;

namespace LowRank.Inference.Tests;

/// <summary>Stop texts and end tokens, token by token: one token is one byte here.</summary>
public class StopTests
{
    private static readonly Tokenizer Bytes = Tokenizer.FromFile(GreedyTests.TokenizerFile());

    /// <summary>Feeds tokens until the sequence ends; the pieces shown after each, and the result.</summary>
    private static (string[] Pieces, GenerationResult Result) Feed(IEnumerable<byte> tokens, GenerationOptions options, int maxPositions = 1000)
    {
        var sequence = new Sequence(0, new GenerationRequest([65]), options with { Greedy = true }, Bytes, maxPositions);
        sequence.Begin();
        List<string> pieces = [];
        foreach (byte token in tokens)
        {
            float[] logits = new float[256];
            logits[token] = 1;
            pieces.Add(sequence.Advance(logits));
            if (sequence.FinishReason is not null) break;
        }
        var result = sequence.Result();
        Assert.Equal(result.Text, string.Concat(pieces));
        return ([.. pieces], result);
    }

    private static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    [Fact]
    public void A_stop_text_is_held_back_and_never_shown()
    {
        var (pieces, result) = Feed(Utf8("one END two"), new() { Stop = ["END"] });
        Assert.Equal(["o", "n", "e", " ", "", "", ""], pieces);
        Assert.Equal(("one ", "stop", 7), (result.Text, result.FinishReason, result.Ids.Count));
    }

    [Fact]
    public void What_only_began_like_a_stop_text_is_shown_after_all()
    {
        var (pieces, result) = Feed(Utf8("EN route"), new() { Stop = ["END"], MaxNewTokens = 8 });
        Assert.Equal(["", "", "EN ", "r", "o", "u", "t", "e"], pieces);
        Assert.Equal(("EN route", "length"), (result.Text, result.FinishReason));
    }

    [Fact]
    public void What_is_held_back_at_the_end_is_shown()
        => Assert.Equal("say EN", Feed(Utf8("say EN"), new() { Stop = ["END"], MaxNewTokens = 6 }).Result.Text);

    [Fact]
    public void The_earliest_of_several_stop_texts_counts()
    {
        Assert.Equal("x", Feed(Utf8("xabab!"), new() { Stop = ["ab!", "abab"] }).Result.Text);
        Assert.Equal("xa", Feed(Utf8("xabab!"), new() { Stop = ["ababx", "bab"] }).Result.Text);
        Assert.Equal("aaa", Feed(Utf8("aaaab"), new() { Stop = ["ab"] }).Result.Text);
    }

    [Fact]
    public void Characters_of_several_tokens_are_shown_whole_and_can_be_stopped_at()
    {
        var (pieces, result) = Feed(Utf8("a\u20acb\u00e9c"), new() { Stop = ["\u00e9"] });
        Assert.Equal(["a", "", "", "\u20ac", "b", "", ""], pieces);
        Assert.Equal(("a\u20acb", "stop"), (result.Text, result.FinishReason));
    }

    [Fact]
    public void An_unfinished_character_is_shown_as_broken_at_the_end()
        => Assert.Equal("a\ufffd", Feed([(byte)'a', 0xe2, 0x82], new() { MaxNewTokens = 3 }).Result.Text);

    [Fact]
    public void An_end_token_is_in_the_ids_and_not_in_the_text()
    {
        var (_, result) = Feed(Utf8("hi!?"), new() { EndIds = [7, '!'], Stop = ["hi!!"] });
        Assert.Equal(("hi", "stop"), (result.Text, result.FinishReason));
        Assert.Equal([.. "hi!".Select(c => (int)c)], result.Ids);
    }

    [Fact]
    public void Special_tokens_are_left_out_of_the_text()
        => Assert.Equal("ab", Feed([(byte)'a', 2, (byte)'b'], new() { MaxNewTokens = 3 }).Result.Text);

    [Fact]
    public void The_models_last_position_ends_a_sequence()
    {
        var (_, result) = Feed(Utf8("abcdef"), new(), maxPositions: 4);
        Assert.Equal(("abc", "length"), (result.Text, result.FinishReason));
    }
}

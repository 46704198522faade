using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Streams of every decoder equal their rule, which decodes everything again after each token.</summary>
public sealed class StreamLawTests
{
    [Theory]
    [InlineData("dec-none")]
    [InlineData("dec-bpe")]
    [InlineData("dec-bytefallback")]
    [InlineData("dec-bytefallback-fuse")]
    [InlineData("dec-bytelevel")]
    [InlineData("dec-fuse")]
    [InlineData("dec-fuse-strip")]
    [InlineData("dec-metaspace-always")]
    [InlineData("dec-metaspace-never")]
    [InlineData("dec-replace-string")]
    [InlineData("dec-sequence")]
    [InlineData("dec-strip-each")]
    [InlineData("dec-wordpiece")]
    [InlineData("dec-wordpiece-raw")]
    [InlineData("gpt2")]
    [InlineData("gemma")]
    [InlineData("llama2")]
    public void Pieces_equal_the_rule(string name) => Check(Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json")), name.Length);

    [Theory]
    [InlineData("""{"type":"CTC"}""")]
    [InlineData("""{"type":"CTC","cleanup":false}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁"}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"},{"type":"Strip","content":" ","start":1,"stop":2}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"WordPiece"},{"type":"Fuse"},{"type":"Strip","content":"a","start":0,"stop":3}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":{"String":"ab"},"content":"x"}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"WordPiece"},{"type":"BPEDecoder"},{"type":"CTC"},{"type":"ByteFallback"}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"BPEDecoder","suffix":"a"},{"type":"BPEDecoder","suffix":""},{"type":"ByteLevel"},{"type":"Fuse"}]}""")]
    [InlineData("""{"type":"Sequence","decoders":[]}""")]
    public void Chains_equal_the_rule(string decoder)
    {
        string[] tokens = ["a", "b", " ", "▁", "▁a", "##b", "ab", "<0x41>", "<0xE2>", "<0x82>", "<0xAC>", "<0x+A>", "�", "x�", "</w>", "b</w>", " .", "|", "<pad>", "<0xZZ>", "  ", "a a", "é", "𝟙", "don't", " do not"];
        string vocabulary = string.Join(',', tokens.Select((t, i) => $"{System.Text.Json.JsonSerializer.Serialize(t)}:{i}"));
        string path = Path.Combine(Paths.Temporary(), "tokenizer.json");
        File.WriteAllText(path, $$$"""{"added_tokens":[{"id":0,"content":"a","special":true}],"decoder":{{{decoder}}},"model":{"type":"WordLevel","unk_token":"a","vocab":{ {{{vocabulary}}} } } }""");
        Check(Tokenizer.FromFile(path), decoder.Length);
    }

    [Fact]
    public void Long_streams_cost_what_they_are_long()
    {
        var tokenizer = Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), "llama2", "tokenizer.json"));
        int[] ids = tokenizer.Encode(string.Concat(Enumerable.Repeat("the rain in spain é€ ", 10_000)), addSpecialTokens: false);
        var stream = tokenizer.NewStream();
        Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(stream.Push)) + stream.End());
    }

    private static void Check(Tokenizer tokenizer, int seed)
    {
        var random = new Random(seed);
        var stream = tokenizer.NewStream();
        for (int i = 0; i < 1500; i++)
        {
            // From few ids, so that runs of bytes and repeated tokens come about; ids beyond the vocabulary vanish.
            int[] some = [.. Enumerable.Range(0, 1 + random.Next(6)).Select(_ => random.Next(tokenizer.VocabularySize + 1))];
            int[] ids = [.. Enumerable.Range(0, random.Next(25)).Select(_ => some[random.Next(some.Length)])];
            string[] pieces = [.. ids.Select(stream.Push), stream.End()];
            Assert.Equal(Rule(tokenizer, ids), pieces);
        }
    }

    private static List<string> Rule(Tokenizer tokenizer, int[] ids)
    {
        var pieces = new List<string>();
        string shown = "", whole = tokenizer.Decode(ids, skipSpecialTokens: true);
        for (int k = 1; k <= ids.Length; k++)
        {
            string text = tokenizer.Decode(ids[..k], skipSpecialTokens: true).TrimEnd('\uFFFD');
            bool goesOn = text.StartsWith(shown, StringComparison.Ordinal);
            pieces.Add(goesOn ? text[shown.Length..] : "");
            if (goesOn) shown = text;
        }
        pieces.Add(shown.Length < whole.Length ? whole[shown.Length..] : "");
        return pieces;
    }
}

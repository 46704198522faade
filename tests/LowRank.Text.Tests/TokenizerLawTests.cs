using System.Text;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>What must hold for every text.</summary>
public sealed class TokenizerLawTests
{
    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("starcoder")]
    [InlineData("bytelevel-prefix0-regex0")]
    public void Decoding_gives_the_text_back(string name)
    {
        var tokenizer = Golden(name);
        var random = new Random(name.Length);
        for (int i = 0; i < 1500; i++)
        {
            string text = RandomText.Of(random, random.Next(40));
            int[] ids = tokenizer.Encode(text, addSpecialTokens: false);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal(ids, tokenizer.EncodeWithOffsets(text, addSpecialTokens: false).Ids);
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("dec-none")]
    public void Streamed_pieces_join_to_the_whole(string name)
    {
        var tokenizer = Golden(name);
        var random = new Random(3);
        for (int i = 0; i < 1500; i++)
        {
            // Ids at random make broken characters, and ids beyond the vocabulary vanish.
            int[] ids = [.. Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(tokenizer.VocabularySize + 2))];
            var stream = tokenizer.NewStream(skipSpecialTokens: i % 2 == 0);
            string joined = string.Concat(ids.Select(stream.Push)) + stream.End();
            Assert.Equal(tokenizer.Decode(ids, skipSpecialTokens: i % 2 == 0), joined);
        }
    }

    [Fact]
    public void A_character_shows_only_when_whole()
    {
        var tokenizer = Golden("gpt2");
        var stream = tokenizer.NewStream();
        string[] pieces = [.. "\u00F0\u0141\u0133\u012F".Select(c => stream.Push(tokenizer.IdOf(c.ToString())!.Value))]; // the four bytes of U+1F44D in the byte alphabet
        Assert.Equal(["", "", ""], pieces[..3]);
        Assert.Equal("\U0001F44D", pieces[3]);
        Assert.Equal("", stream.End());
    }

    [Fact]
    public void Long_and_short_words_are_joined_alike()
    {
        // Words of more than 32 bytes take the queue, shorter ones the scan; both must equal joining by the definition.
        var tokenizer = Golden("bytelevel-prefix0-regex0");
        var random = new Random(5);
        for (int i = 0; i < 200; i++)
        {
            string text = new([.. Enumerable.Range(0, 2 + random.Next(90)).Select(_ => "the rain in dawn"[random.Next(16)])]);
            Assert.Equal(Slow(tokenizer, text), tokenizer.Encode(text, addSpecialTokens: false));
        }
    }

    [Fact]
    public void Lone_surrogates_are_read_as_the_replacement_character()
        => Assert.Equal(Golden("gpt2").Encode("a\uFFFDb"), Golden("gpt2").Encode("a\uD800b"));

    [Fact]
    public void Threads_share_a_tokenizer()
    {
        var tokenizer = Golden("gpt2");
        var random = new Random(11);
        string[] texts = [.. Enumerable.Range(0, 2000).Select(_ => RandomText.Of(random, 30))];
        int[][] alone = [.. texts.Select(t => tokenizer.Encode(t))], together = new int[texts.Length][];
        var shared = Golden("gpt2");
        Parallel.For(0, texts.Length, i => together[i] = shared.Encode(texts[i]));
        Assert.Equal(alone, together);
    }

    // Joins by the definition: of all pairs that are merges the one learnt first, leftmost.
    private static List<int> Slow(Tokenizer tokenizer, string text)
    {
        List<string> parts = [.. System.Text.Encoding.UTF8.GetBytes(text).Select(b => tokenizer.TokenOf(tokenizer.Encode(((char)b).ToString(), false)[0])!)];
        var merges = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers"), "bytelevel-prefix0-regex0", "tokenizer.json")))!["model"]!["merges"]!.AsArray()
            .Select((m, rank) => (Pair: m is System.Text.Json.Nodes.JsonArray a ? $"{a[0]} {a[1]}" : m!.GetValue<string>(), rank)).ToDictionary(m => m.Pair, m => m.rank);
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
                if (merges.TryGetValue($"{parts[i]} {parts[i + 1]}", out int rank) && rank < bestRank) (best, bestRank) = (i, rank);
            if (best < 0) return [.. parts.Select(p => tokenizer.IdOf(p)!.Value)];
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }

    private static Tokenizer Golden(string name) => Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json"));
}

using System.Text.Json.Nodes;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>The real model's tokenizer, from its folder and from its GGUF metadata.</summary>
public sealed class SmolLm2Tests
{
    [Fact]
    public void Folder_equals_the_reference()
    {
        var tokenizer = Tokenizer.FromFolder(Paths.Shared("goldens/smollm2/hf"));
        Assert.Equal((49152, 1, 2, 2), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        Check(tokenizer);
    }

    [Fact]
    public void Gguf_metadata_equals_the_reference()
    {
        var tokenizer = Tokenizer.FromGguf(GgufMetadata.Of(Paths.Shared("goldens/smollm2/hf/tokenizer.json"), "smollm"));
        Assert.Equal((49152, 1, 2, 2), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        Check(tokenizer);
    }

    [Fact]
    public void Chats_equal_the_reference()
    {
        var tokenizer = Tokenizer.FromFolder(Paths.Shared("goldens/smollm2/hf"));
        var cases = JsonNode.Parse(File.ReadAllText(Paths.Shared("goldens/smollm2/chat.json")))!["cases"]!.AsArray();
        Assert.Equal(12, cases.Count);
        foreach (var c in cases)
            Assert.Equal(c!["ids"]!.AsArray().Select(i => i!.GetValue<int>()), tokenizer.Encode(c["text"]!.GetValue<string>(), addSpecialTokens: false));
    }

    private static void Check(Tokenizer tokenizer)
    {
        var cases = JsonNode.Parse(File.ReadAllText(Paths.Shared("goldens/smollm2/tokenizer-cases.json")))!.AsArray();
        Assert.Equal(60, cases.Count);
        foreach (var c in cases)
        {
            var encoding = tokenizer.EncodeWithOffsets(c!["text"]!.GetValue<string>(), addSpecialTokens: false);
            int[] ids = [.. c["ids"]!.AsArray().Select(i => i!.GetValue<int>())];
            Assert.Equal(ids, encoding.Ids);
            Assert.Equal(c["tokens"]!.AsArray().Select(t => t!.GetValue<string>()), encoding.Tokens);
            Assert.Equal(c["offsets"]!.AsArray().Select(o => (o![0]!.GetValue<int>(), o[1]!.GetValue<int>())), encoding.Offsets);
            Assert.Equal(c["decoded"]!.GetValue<string>(), tokenizer.Decode(ids));
            Assert.Equal(c["decoded_skip_special"]!.GetValue<string>(), tokenizer.Decode(ids, skipSpecialTokens: true));
        }
    }
}

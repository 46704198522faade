using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using LowRank.Text.Models;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Every kind of tokenizer that GGUF metadata carries, made from golden tokenizers of that kind.</summary>
public sealed class GgufKindTests
{
    [Fact]
    public void Llama_equals_the_golden_of_the_same_vocabulary()
    {
        var metadata = GgufMetadata.Of("llama", SentencePieceBytes.OfBpe(SentencePieceBytes.Golden("llama2")));
        var tokenizer = Tokenizer.FromGguf(metadata);
        Assert.Equal((1, 2), (tokenizer.BosId, tokenizer.EosId));
        CheckTexts(tokenizer, "llama2");
        Assert.Equal([1, .. tokenizer.Encode("a", addSpecialTokens: false)], tokenizer.Encode("a"));
        metadata["tokenizer.ggml.add_bos_token"] = false;
        metadata["tokenizer.ggml.add_space_prefix"] = false;
        int a = tokenizer.IdOf("a")!.Value;
        Assert.Equal([a], Tokenizer.FromGguf(metadata).Encode("a"));
        Assert.Equal(" a", Tokenizer.FromGguf(metadata).Decode(Tokenizer.FromGguf(metadata).Encode(" a")));
    }

    [Fact]
    public void T5_equals_the_golden_where_the_rules_agree()
    {
        var root = SentencePieceBytes.Golden("t5-unigram");
        var metadata = GgufMetadata.Of("t5", SentencePieceBytes.OfUnigram(root));
        metadata["tokenizer.ggml.add_space_prefix"] = true;
        metadata["tokenizer.ggml.remove_extra_whitespaces"] = true;
        string charsmap = root["normalizer"]!["normalizers"]!.AsArray().First(n => n!["type"]!.GetValue<string>() == "Precompiled")!["precompiled_charsmap"]!.GetValue<string>();
        metadata["tokenizer.ggml.precompiled_charsmap"] = Convert.FromBase64String(charsmap);
        var tokenizer = Tokenizer.FromGguf(metadata);
        var golden = Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), "t5-unigram", "tokenizer.json"));
        var random = new Random(4);
        for (int i = 0; i < 500; i++)
        {
            string text = new([.. Enumerable.Range(0, 1 + random.Next(40)).Select(_ => "The rain\nin  Dawn é½ﬁ."[random.Next(22)])]);
            Assert.Equal(golden.Encode(text), tokenizer.Encode(text));
        }
        metadata["tokenizer.ggml.precompiled_charsmap"] = new sbyte[] { 1, 2, 3 };
        Assert.Contains("precompiled_charsmap", Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bert_equals_the_golden_of_the_same_vocabulary()
    {
        var root = SentencePieceBytes.Golden("bert-clean-lower-cjk-accentsNone");
        var special = root["added_tokens"]!.AsArray().Select(t => t!["content"]!.GetValue<string>()).ToHashSet();
        Piece Piece(string token) => special.Contains(token) ? new(token, 0, PieceKind.Control)
            : new(token.StartsWith("##", StringComparison.Ordinal) ? token[2..] : "\u2581" + token, 0, PieceKind.Normal);
        var tokens = root["model"]!["vocab"]!.AsObject().OrderBy(p => p.Value!.GetValue<int>()).Select(p => p.Key);
        var metadata = GgufMetadata.Of("bert", [.. tokens.Select(Piece)]);
        foreach (var (key, token) in new[] { ("bos", "[CLS]"), ("seperator", "[SEP]"), ("unknown", "[UNK]"), ("padding", "[PAD]") })
            metadata[$"tokenizer.ggml.{key}_token_id"] = (uint)root["model"]!["vocab"]![token]!.GetValue<int>();
        var tokenizer = Tokenizer.FromGguf(metadata);
        var wrong = GoldenCheck.Run(tokenizer, JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers"), "bert-clean-lower-cjk-accentsNone", "cases.json")))!).ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(5)));
    }

    [Theory]
    [InlineData("gpt2", "gpt-2")]
    [InlineData("llama3", "llama-bpe")]
    [InlineData("qwen2", "qwen2")]
    [InlineData("deepseek-v3", "deepseek-v3")]
    [InlineData("o200k", "gpt-4o")]
    [InlineData("kimi", "kimi-k2")]
    [InlineData("bloom", "bloom")]
    public void Byte_level_families_equal_their_goldens(string name, string pre)
    {
        var tokenizer = Tokenizer.FromGguf(GgufMetadata.Of(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json"), pre));
        CheckTexts(tokenizer, name);
    }

    [Fact]
    public void Every_family_reads_its_expressions_and_gives_texts_back()
    {
        const string text = "Don't stop: 12345 words, ½ \t\n\n 漢字かな, É́ and  more—l'été 'LL\r\n x=1;   ";
        var metadata = GgufMetadata.Of(Path.Combine(Paths.Golden("tokenizers"), "gpt2", "tokenizer.json"), "gpt-2");
        int families = 0;
        foreach (var (name, family) in GgufFamilies.All)
        {
            if (family.RawText || family.Nfc) continue;
            metadata["tokenizer.ggml.pre"] = name;
            metadata["tokenizer.ggml.add_bos_token"] = false;
            var tokenizer = Tokenizer.FromGguf(metadata);
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
            families++;
        }
        Assert.True(families > 60, $"{families}");
        metadata["tokenizer.ggml.pre"] = "rot13";
        Assert.Contains("rot13", Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Raw_text_families_merge_characters()
    {
        var root = SentencePieceBytes.Golden("gemma");
        var pieces = SentencePieceBytes.OfBpe(root);
        var metadata = GgufMetadata.Of("gpt2", pieces);
        metadata["tokenizer.ggml.pre"] = "gemma4";
        metadata["tokenizer.ggml.bos_token_id"] = (uint)pieces.FindIndex(p => p.Text == "<bos>");
        metadata["tokenizer.ggml.unknown_token_id"] = (uint)pieces.FindIndex(p => p.Text == "<unk>");
        metadata["tokenizer.ggml.merges"] = root["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : m!.GetValue<string>()).ToArray();
        var tokenizer = Tokenizer.FromGguf(metadata);
        var golden = Tokenizer.FromFile(Path.Combine(Paths.Golden("tokenizers"), "gemma", "tokenizer.json"));
        foreach (string text in new[] { "The rain in spain", " é  漢 a", "x\u2581y 12", "" })
            Assert.Equal(golden.Encode(text), tokenizer.Encode(text));
    }

    [Theory]
    [InlineData("rwkv")]
    [InlineData("plamo2")]
    [InlineData("none")]
    public void Other_kinds_are_refused_by_name(string model)
        => Assert.Contains(model, Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(GgufMetadata.Of(model, []))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("llama", "scores", null)]
    [InlineData("llama", "scores", "x")]
    [InlineData("t5", "scores", "nan")]
    [InlineData("llama", "token_type", "short")]
    [InlineData("t5", "unknown_token_id", 99999u)]
    [InlineData("t5", "eos_token_id", 99999u)]
    [InlineData("bert", "unknown_token_id", 99999u)]
    [InlineData("t5", "precompiled_charsmap", "x")]
    public void Broken_metadata_is_refused(string model, string key, object? value)
    {
        List<Piece> pieces = [new("<unk>", 0, PieceKind.Unknown), new("a", -1, PieceKind.Normal), new("</s>", 0, PieceKind.Control)];
        var metadata = GgufMetadata.Of(model, pieces);
        key = "tokenizer.ggml." + key;
        if (value is null) metadata.Remove(key);
        else metadata[key] = value switch { "nan" => new[] { 0, float.NaN, 0 }, "short" => new[] { 1 }, _ => value };
        Assert.Contains(key, Assert.Throws<BadInputException>(() => Tokenizer.FromGguf(metadata)).Message, StringComparison.Ordinal);
    }

    private static void CheckTexts(Tokenizer tokenizer, string name)
    {
        foreach (var (text, ids) in SentencePieceBytes.Cases(name)) Assert.Equal(ids, tokenizer.Encode(text, addSpecialTokens: false));
    }
}

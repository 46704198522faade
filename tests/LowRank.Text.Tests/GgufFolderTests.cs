using System.Text.Json.Nodes;
using LowRank.TestKit;
using LowRank.Text.Models;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>A GGUF file's tokenizer written into a folder: read from there it gives the same ids, ends, special tokens and
/// templates.</summary>
public sealed class GgufFolderTests
{
    private const string Template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}",
        Tool = "tool: {{ messages }}";

    [Theory, InlineData("gpt2", "gpt-2"), InlineData("llama3", "llama-bpe"), InlineData("qwen2", "qwen2"), InlineData("deepseek-v3",
        "deepseek-v3"), InlineData("o200k", "gpt-4o"), InlineData("bloom", "bloom")]
    public void Byte_level_tokenizers_are_written(string name, string pre)
    {
        var metadata = Golden(name, pre);
        int special = Array.IndexOf((int[])metadata["tokenizer.ggml.token_type"], 3);
        Same(metadata, [.. SentencePieceBytes.Cases(name).Select(c => c.Text)]);
        metadata["tokenizer.ggml.add_space_prefix"] = true;
        foreach (string role in (string[])["bos", "eos", "padding"]) metadata[$"tokenizer.ggml.{role}_token_id"] = (uint)special;
        metadata["tokenizer.ggml.add_bos_token"] = true;
        metadata["tokenizer.ggml.add_eos_token"] = true;
        Same(metadata, [.. SentencePieceBytes.Cases(name).Select(c => c.Text)]);
    }

    [Fact]
    public void A_template_whose_name_is_no_file_s_is_refused_and_a_length_that_is_no_number_is_not_written()
    {
        var metadata = Golden("gpt2", "gpt-2");
        metadata["general.architecture"] = "llama";
        metadata["llama.context_length"] = "many";
        string folder = Paths.Temporary();
        Assert.Null(GgufTokenizerFolder.Write(metadata, folder));
        Assert.DoesNotContain("model_max_length", File.ReadAllText(Path.Combine(folder, "tokenizer_config.json")));
        metadata["tokenizer.chat_template.a/b"] = Template;
        string told = Assert.Throws<LowRank.Tensors.BadInputException>(() => GgufTokenizerFolder.Write(metadata, Paths.Temporary())).Message;
        Assert.StartsWith("tokenizer.chat_template.a/b: a chat template's name cannot be a file's (got a/b)", told);
    }

    [Fact]
    public void Every_family_s_expressions_are_written()
    {
        var metadata = Golden("gpt2", "gpt-2");
        foreach (var (name, family) in GgufFamilies.All.DistinctBy(f => f.Value))
        {
            if (family.RawText) continue;
            metadata["tokenizer.ggml.pre"] = name;
            metadata["tokenizer.ggml.add_bos_token"] = false;
            Same(metadata, ["Don't stop: 12345 words, ½ \t\n\n 漢字かな, É́ and  more—l'été 'LL\r\n x=1;   "]);
        }
    }

    [Theory, InlineData(true), InlineData(false)]
    public void Scores_become_merges(bool prefix)
    {
        var metadata = GgufMetadata.Of("llama", SentencePieceBytes.OfBpe(SentencePieceBytes.Golden("llama2")));
        metadata["tokenizer.ggml.add_space_prefix"] = prefix;
        Same(metadata, [.. SentencePieceBytes.Cases("llama2").Select(c => c.Text)]);
        metadata["tokenizer.ggml.add_bos_token"] = false;
        metadata["tokenizer.ggml.eot_token_id"] = 5u;
        var tokenizer = Same(metadata, ["", " a", "</s>x<s> y", "\u2581\u2581 12", "\U0001F600"]);
        Assert.Equal([2, 5], tokenizer.EosIds);
    }

    [Fact]
    public void Raw_text_merges_are_written()
    {
        var root = SentencePieceBytes.Golden("gemma");
        var pieces = SentencePieceBytes.OfBpe(root);
        var metadata = GgufMetadata.Of("gpt2", pieces);
        metadata["tokenizer.ggml.pre"] = "gemma4";
        metadata["tokenizer.ggml.bos_token_id"] = (uint)pieces.FindIndex(p => p.Text == "<bos>");
        metadata["tokenizer.ggml.unknown_token_id"] = (uint)pieces.FindIndex(p => p.Text == "<unk>");
        metadata["tokenizer.ggml.merges"] = root["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}"
            : m!.GetValue<string>()).ToArray();
        Same(metadata, ["The rain in spain", " é  漢 a", "x\u2581y 12", ""]);
    }

    [Fact]
    public void The_real_tokenizer_is_written()
    {
        using var file = LowRank.Tensors.GgufFile.Open(Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
        var tokenizer = Same(new(file.Metadata), ["<|im_start|>user\nWhat is 12 + 34?<|im_end|>\n", "déjà vu  \n\n\tend"],
            templates: false);
        Assert.Contains("<|im_start|>", tokenizer.ChatTemplates["default"]);
    }

    [Fact]
    public void What_has_no_exact_form_is_named_and_the_rest_is_written()
    {
        List<Piece> pieces = [new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control),
            new("a", -9, PieceKind.Normal), new("b", -9, PieceKind.Normal), new("ab", -1, PieceKind.Normal)];
        Assert.Null(Written("llama", pieces, true));
        Assert.Contains("the pieces 'ab' and 'ba' have one score", Written("llama", [.. pieces, new("ba", -1, PieceKind.Normal)], false));
        Assert.Contains("unused piece 'ba'", Written("llama", [.. pieces, new("ba", -2, PieceKind.Unused)], false));
        Assert.Contains("the piece 'ac' has a character (c)", Written("llama", [.. pieces, new("ac", -2, PieceKind.Normal)], false));
        Assert.Null(Written("llama", [.. pieces, new("aa", -2, PieceKind.Normal), new("aaaa", -2, PieceKind.Normal), new("aaa", -2, PieceKind.Normal)], true)); // runs of one score
        Assert.Contains("eos_token 'a' is an ordinary token", Written("llama", pieces, false, eos: 3));
        Assert.Contains("'t5'", Written("t5", pieces, false));
        Assert.Contains("plamo2", Written("plamo2", pieces, false));

        static string? Written(string model, List<Piece> pieces, bool whole, uint? eos = null)
        {
            string folder = Paths.Temporary();
            var metadata = GgufMetadata.Of(model, pieces);
            metadata["tokenizer.chat_template"] = Template;
            if (eos is { } id) metadata["tokenizer.ggml.eos_token_id"] = id;
            string? reason = GgufTokenizerFolder.Write(metadata, folder);
            Assert.Equal(whole, File.Exists(Path.Combine(folder, "tokenizer.json")));
            Assert.Equal(Template, File.ReadAllText(Path.Combine(folder, "chat_template.jinja")));
            return reason;
        }
    }

    [Fact]
    public void A_file_without_a_tokenizer_gives_none()
    {
        string folder = Paths.Temporary();
        Assert.Null(GgufTokenizerFolder.Write(new Dictionary<string, object> { ["general.architecture"] = "llama" }, folder));
        Assert.Null(GgufTokenizerFolder.Write(Paths.Golden("models/llama"), folder));
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    // The metadata of the golden, whose ends are tokens that are special (those it is given are ordinary ones).
    private static Dictionary<string, object> Golden(string name, string pre)
    {
        var metadata = GgufMetadata.Of(Path.Combine(Paths.Golden("tokenizers"), name, "tokenizer.json"), pre);
        foreach (string role in (string[])["bos", "eos", "padding"]) metadata.Remove($"tokenizer.ggml.{role}_token_id");
        return metadata;
    }

    private static Tokenizer Same(Dictionary<string, object> metadata, string[] texts, bool templates = true)
    {
        if (templates) (metadata["tokenizer.chat_template"], metadata["tokenizer.chat_template.tool_use"]) = (Template, Tool);
        string folder = Paths.Temporary();
        Assert.Null(GgufTokenizerFolder.Write(metadata, folder));
        Tokenizer expected = Tokenizer.FromGguf(metadata), actual = Tokenizer.FromFolder(folder);
        foreach (string text in texts)
            foreach (bool special in (bool[])[true, false])
            {
                int[] ids = expected.Encode(text, special);
                Assert.Equal(ids, actual.Encode(text, special));
                Assert.Equal(expected.Decode(ids), actual.Decode(ids));
                Assert.Equal(expected.Decode(ids, skipSpecialTokens: true), actual.Decode(ids, skipSpecialTokens: true));
            }
        var pair = (expected.EncodeWithOffsets(texts[0], "b"), actual.EncodeWithOffsets(texts[0], "b"));
        Assert.Equal(pair.Item1.Ids, pair.Item2.Ids);
        Assert.Equal(pair.Item1.TypeIds, pair.Item2.TypeIds);
        Assert.Equal((expected.VocabularySize, expected.BosId, expected.PadId), (actual.VocabularySize, actual.BosId, actual.PadId));
        Assert.Equal(expected.EosIds, actual.EosIds);
        Assert.Equal(expected.ChatTemplates.OrderBy(t => t.Key), actual.ChatTemplates.OrderBy(t => t.Key));
        Assert.Equal(expected.SpecialTokens.Select(t => (t.Key, t.Value.GetString())).Order(), actual.SpecialTokens.Select(t
            => (t.Key, t.Value.GetString())).Order());
        Directory.Delete(folder, recursive: true);
        return actual;
    }
}

using System.Text.Json;

namespace LowRank.TestKit;

/// <summary>A tokenizer.json of 256 tokens, each one byte with the byte's value as its id: every id of the tiny models is then text. Byte 2 (their end token) is special.</summary>
public static class ByteTokenizer
{
    /// <summary>The file's text.</summary>
    public static string Json { get; } = Make();

    /// <summary>Copies a tiny model of tests/goldens into a fresh folder, with this tokenizer beside it.</summary>
    public static string Beside(string model)
    {
        string folder = Paths.Temporary();
        foreach (string name in (string[])["config.json", "generation_config.json", "model.safetensors"])
            File.Copy(Path.Combine(Paths.Golden("models/" + model), name), Path.Combine(folder, name));
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Json);
        return folder;
    }

    private static string Make()
    {
        // GPT-2's letters for bytes: printable ones stand for themselves, the others for the letters from 256 on.
        Dictionary<string, int> vocabulary = [];
        int next = 256;
        for (int b = 0; b < 256; b++)
            vocabulary[((char)(b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 ? b : next++)).ToString()] = b;
        string end = vocabulary.First(v => v.Value == 2).Key;
        var level = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = false };
        return JsonSerializer.Serialize(new
        {
            version = "1.0",
            truncation = (object?)null,
            padding = (object?)null,
            added_tokens = new[] { new { id = 2, content = end, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true } },
            normalizer = (object?)null,
            pre_tokenizer = level,
            post_processor = (object?)null,
            decoder = level,
            model = new { type = "BPE", dropout = (object?)null, unk_token = (object?)null, fuse_unk = false, byte_fallback = false, ignore_merges = false, vocab = vocabulary, merges = Array.Empty<string>() },
        });
    }
}

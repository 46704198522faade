using System.Text.Encodings.Web;
using System.Text.Json;

namespace Outlet;

/// <summary>A complete Hugging Face folder of an untrained model: what full fine-tuning turns into the base.</summary>
public static class ScratchFolder
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the folder's five files.</summary>
    public static void Write(string folder, BpeVocabulary vocabulary, ulong seed)
    {
        Directory.CreateDirectory(folder);
        WriteJson(Path.Combine(folder, "config.json"), ScratchModel.Config);
        WriteJson(Path.Combine(folder, "generation_config.json"), new { eos_token_id = 0, pad_token_id = 1 });
        WriteJson(Path.Combine(folder, "tokenizer.json"), TokenizerJson(vocabulary));
        WriteJson(Path.Combine(folder, "tokenizer_config.json"), new
        {
            tokenizer_class = "PreTrainedTokenizerFast",
            eos_token = BpeVocabulary.End,
            pad_token = BpeVocabulary.Pad,
            model_max_length = 256,
            clean_up_tokenization_spaces = false,
        });
        SafetensorsBytes.Write(Path.Combine(folder, "model.safetensors"), ScratchModel.Weights(seed));
    }

    private static object TokenizerJson(BpeVocabulary vocabulary)
    {
        var byteLevel = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = true };
        return new
        {
            version = "1.0",
            truncation = (object?)null,
            padding = (object?)null,
            added_tokens = new[] { Special(0, BpeVocabulary.End), Special(1, BpeVocabulary.Pad) },
            normalizer = (object?)null,
            pre_tokenizer = byteLevel,
            post_processor = (object?)null,
            decoder = byteLevel,
            model = new
            {
                type = "BPE",
                dropout = (double?)null,
                unk_token = (string?)null,
                continuing_subword_prefix = (string?)null,
                end_of_word_suffix = (string?)null,
                fuse_unk = false,
                byte_fallback = false,
                ignore_merges = false,
                vocab = vocabulary.Tokens.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i),
                merges = vocabulary.Merges.Select(m => $"{m.Left} {m.Right}"),
            },
        };
    }

    private static object Special(int id, string content)
        => new { id, content, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };

    private static void WriteJson(string path, object value) => File.WriteAllText(path, JsonSerializer.Serialize(value, Indented) + "\n");
}

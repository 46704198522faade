using System.Text.Json.Nodes;
using LowRank.Text.Models;

namespace LowRank.Text.Tests;

/// <summary>The GGUF metadata that stand for a tokenizer.</summary>
internal static class GgufMetadata
{
    /// <summary>Of pieces.</summary>
    public static Dictionary<string, object> Of(string model, List<Piece> pieces) => new()
    {
        ["tokenizer.ggml.model"] = model,
        ["tokenizer.ggml.tokens"] = pieces.Select(p => p.Text).ToArray(),
        ["tokenizer.ggml.token_type"] = pieces.Select(p => (int)p.Kind).ToArray(),
        ["tokenizer.ggml.scores"] = pieces.Select(p => p.Score).ToArray(),
    };

    /// <summary>Of a tokenizer.json of byte-level BPE.</summary>
    public static Dictionary<string, object> Of(string tokenizerJson, string pre)
    {
        var root = JsonNode.Parse(File.ReadAllText(tokenizerJson))!;
        var tokens = root["model"]!["vocab"]!.AsObject().ToDictionary(p => p.Value!.GetValue<int>(), p => p.Key);
        foreach (var t in root["added_tokens"]!.AsArray()) tokens[t!["id"]!.GetValue<int>()] = t["content"]!.GetValue<string>();
        var special = root["added_tokens"]!.AsArray().ToDictionary(t => t!["id"]!.GetValue<int>(), t => t!["special"]!.GetValue<bool>());
        return new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = pre,
            ["tokenizer.ggml.tokens"] = tokens.OrderBy(t => t.Key).Select(t => t.Value).ToArray(),
            ["tokenizer.ggml.token_type"] = tokens.OrderBy(t => t.Key).Select(t => special.TryGetValue(t.Key, out bool s) ? s ? 3 : 4 : 1).ToArray(),
            ["tokenizer.ggml.merges"] = root["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : m!.GetValue<string>()).ToArray(),
            ["tokenizer.ggml.add_bos_token"] = false,
            ["tokenizer.ggml.add_space_prefix"] = false,
            ["tokenizer.ggml.bos_token_id"] = 1u,
            ["tokenizer.ggml.eos_token_id"] = 2u,
            ["tokenizer.ggml.padding_token_id"] = 2u,
        };
    }
}

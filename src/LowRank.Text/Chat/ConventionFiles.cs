using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>
/// The files in which a folder says how texts end: generation_config.json and those that name special tokens. All else in them stays.
/// </summary>
internal static class ConventionFiles
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Makes `eos_token_id` of generation_config.json these ids, unless they are.</summary>
    public static void WriteEndIds(string folder, IReadOnlyList<int> ids, Tokenizer? tokenizer)
    {
        if (ids.Count == 0) return;
        string path = Path.Combine(folder, NumberedRoles.Generation);
        bool there = File.Exists(path);
        if (there && NumberedRoles.Of(folder, "eos").ToHashSet().SetEquals(ids)) return;
        var config = there ? JsonFile.ReadObject(path) : [];
        config["eos_token_id"] = ids.Count == 1 ? ids[0] : new JsonArray([.. ids.Select(id => (JsonNode)id)]);
        // Transformers asks config.json for none of them once this file is there.
        if (!there && File.Exists(Path.Combine(folder, "config.json")))
            foreach (var (role, id) in ((string, int?)[])[("bos", tokenizer?.BosId), ("pad", tokenizer?.PadId)])
                if (id is { } given) config[role + "_token_id"] = given;
        AtomicFile.WriteText(path, config.ToJsonString(Indented) + "\n");
    }

    /// <summary>
    /// Writes the special tokens that are not the model's own: into tokenizer_config.json where there is one, else special_tokens_map.json.
    /// </summary>
    public static void WriteSpecialTokens(
        string folder, IReadOnlyDictionary<string, JsonElement> own, IReadOnlyDictionary<string, JsonElement> used)
    {
        var other = used.Where(t => !own.TryGetValue(t.Key, out var text) || text.GetString() != t.Value.GetString()).ToList();
        if (other.Count == 0) return;
        string config = Path.Combine(folder, "tokenizer_config.json");
        string path = File.Exists(config) ? config : Path.Combine(folder, "special_tokens_map.json");
        var names = File.Exists(path) ? JsonFile.ReadObject(path) : [];
        foreach (var (name, text) in other) names[name] = text.GetString();
        AtomicFile.WriteText(path, names.ToJsonString(Indented) + "\n");
    }
}

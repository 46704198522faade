using System.Text.Json;

namespace LowRank.Text;

/// <summary>
/// The ids that a model's configuration gives to roles, as in `eos_token_id`: generation_config.json's, else config.json's,
/// as in Transformers.
/// </summary>
internal static class NumberedRoles
{
    /// <summary>The file of the first.</summary>
    public const string Generation = "generation_config.json";

    /// <summary>A folder's ids of a role (eos, bos, pad); empty where none is named.</summary>
    public static IReadOnlyList<int> Of(string folder, string role)
    {
        foreach (string name in (string[])[Generation, "config.json"])
            if (SpecialTokenFiles.Open(folder, name) is { } file && Numbers(file[role + "_token_id"]) is { Count: > 0 } ids) return ids;
        return [];
    }

    // A number, or a list of them; some write -1 for none.
    private static List<int> Numbers(Node node)
        => node.IsNull ? [] : node.Element.ValueKind == JsonValueKind.Array ? [.. node.Items().Select(i => i.Index())]
            : node.Element is { ValueKind: JsonValueKind.Number } n && n.TryGetInt32(out int id) && id < 0 ? [] : [node.Index()];
}

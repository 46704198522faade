using System.Runtime.InteropServices;

namespace LowRank.Training;

/// <summary>Rows that ask the same: generation answers once and is compared with all their completions.</summary>
/// <param name="PromptIds">The tokens generation starts from.</param>
/// <param name="Rows">The rows, in their order; each holds one reference.</param>
public sealed record PromptGroup(int[] PromptIds, IReadOnlyList<Row> Rows)
{
    /// <summary>Groups rows whose tokens before the first target are equal, in the order of first appearance.</summary>
    public static IReadOnlyList<PromptGroup> Of(IEnumerable<Row> rows)
    {
        var groups = new Dictionary<string, List<Row>>();
        foreach (var row in rows)
        {
            string key = Convert.ToBase64String(MemoryMarshal.AsBytes(row.PromptIds));
            if (!groups.TryGetValue(key, out var group)) groups[key] = group = [];
            group.Add(row);
        }
        return [.. groups.Values.Select(g => new PromptGroup(g[0].PromptIds.ToArray(), g))];
    }
}

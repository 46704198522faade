namespace LowRank.Tensors;

/// <summary>Suggests names that look like a wrong one, for error messages.</summary>
public static class NearNames
{
    /// <summary>The up to <paramref name="count"/> candidates nearest to <paramref name="name"/>, nearest first; empty if none is near.</summary>
    /// <param name="name">The wrong name.</param>
    /// <param name="candidates">The right ones.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="within">Letters that may differ; null: half of them, or two.</param>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> candidates, int count = 3, int? within = null)
        => [.. candidates.Distinct()
            .Select(c => (c, d: Distance(name.ToLowerInvariant(), c.ToLowerInvariant())))
            .Where(x => x.d <= (within ?? Math.Max(2, name.Length / 2))
                || (within is null && x.c.Contains(name, StringComparison.OrdinalIgnoreCase)))
            .OrderBy(x => x.d).ThenBy(x => x.c, StringComparer.Ordinal).Take(count).Select(x => x.c)];

    /// <summary>A remedy sentence such as "Did you mean 'q_proj', 'k_proj'?", or null where nothing is near.</summary>
    public static string? Sentence(string name, IEnumerable<string> candidates, int? within = null)
        => Of(name, candidates, within: within) is { Count: > 0 } near ? $"Did you mean {string.Join(", ", near.Select(n => $"'{n}'"))}?"
            : null;

    private static int Distance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)], current = new int[b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
                current[j] = Math.Min(Math.Min(current[j - 1], previous[j]) + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            (previous, current) = (current, previous);
        }
        return previous[b.Length];
    }
}

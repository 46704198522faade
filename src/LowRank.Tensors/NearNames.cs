namespace LowRank.Tensors;

/// <summary>Suggests names that look like a wrong one, for error messages.</summary>
public static class NearNames
{
    private const int WordLength = 4;

    /// <summary>The up to <paramref name="count"/> candidates nearest to <paramref name="name"/>, nearest first; empty if none is near.</summary>
    /// <param name="name">The wrong name.</param>
    /// <param name="candidates">The right ones.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="within">Letters that may differ; null: a third of them, or two (of a short name one), or any where one name holds the other.</param>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> candidates, int count = 3, int? within = null)
        => candidates.FirstOrDefault(c => c.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } same ? [same] : [.. candidates.Distinct()
            .Select(c => (c, d: Distance(name.ToLowerInvariant(), c.ToLowerInvariant())))
            .Where(x => x.d <= (within ?? Limit(name.Length)) || (within is null && (Holds(x.c, name) || Holds(name, x.c))))
            .OrderBy(x => x.d).ThenBy(x => x.c, StringComparer.Ordinal).Take(count).Select(x => x.c)];

    /// <summary>A remedy sentence such as "Did you mean 'q_proj', 'k_proj'?", or null where nothing is near.</summary>
    public static string? Sentence(string name, IEnumerable<string> candidates, int? within = null)
        => Of(name, candidates, within: within) is { Count: > 0 } near ? $"Did you mean {string.Join(", ", near.Select(n => $"'{n}'"))}?" : null;

    // A short name is near to nearly every other short one, and its letters are in most long ones: they say nothing.
    private static int Limit(int length) => length < WordLength ? 1 : Math.Max(2, length / 3);

    private static bool Holds(string text, string part) => part.Length >= WordLength && text.Contains(part, StringComparison.OrdinalIgnoreCase);

    /// <summary>Letters changed, added, left out or, side by side, swapped.</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
            for (int j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i, j - 1], d[i - 1, j]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[a.Length, b.Length];
    }
}

namespace LowRank.Text.Tests.Templates;

/// <summary>Why another engine renders otherwise.</summary>
internal static class Differences
{
    /// <summary>The reason that a difference is known to have; null where it is not known.</summary>
    public static string? Reason(string template, string? ours, string? error, string? theirs, string? theirError, (string Words, string Reason)[] table)
    {
        if (theirError is not null)
            foreach (var (words, reason) in table)
                if (theirError.Contains(words, StringComparison.Ordinal)) return reason;
        return null;
    }
}

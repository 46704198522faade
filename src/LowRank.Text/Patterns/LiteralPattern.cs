namespace LowRank.Text.Patterns;

/// <summary>A fixed, non-empty string.</summary>
internal sealed class LiteralPattern(string literal) : IPattern
{
    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (int from = 0; ;)
        {
            int at = text[from..].IndexOf(literal, StringComparison.Ordinal);
            if (at < 0) return;
            matches.Add((from + at, from += at + literal.Length));
        }
    }
}

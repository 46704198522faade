namespace LowRank.Text.Patterns;

/// <summary>A fixed string; the empty one is found nowhere.</summary>
internal sealed class LiteralPattern(string literal) : IPattern
{
    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        if (literal.Length == 0) return;
        for (int from = 0; ;)
        {
            int at = text[from..].IndexOf(literal, StringComparison.Ordinal);
            if (at < 0) return;
            matches.Add((from + at, from += at + literal.Length));
        }
    }
}

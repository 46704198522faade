namespace LowRank.Text.Patterns;

/// <summary>Each code point of a set is a match.</summary>
internal sealed class CharacterPattern(CodePointSet set) : IPattern
{
    /// <summary>White space.</summary>
    public static readonly CharacterPattern Space = new(CodePointSet.Where(Unicode.IsSpace));
    /// <summary>Punctuation: ASCII's, symbols among it, and the category of that name.</summary>
    public static readonly CharacterPattern Punctuation = new(CodePointSet.Where(Unicode.IsPunctuation));

    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (int i = 0, length; i < text.Length; i += length)
            if (set.Contains(Unicode.At(text, i, out length))) matches.Add((i, i + length));
    }
}

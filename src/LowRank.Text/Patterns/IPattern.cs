namespace LowRank.Text.Patterns;

/// <summary>Something that is looked for in a text.</summary>
internal interface IPattern
{
    /// <summary>Adds all matches, in order and without overlap, as units [Start, End) of the text.</summary>
    void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches);
}

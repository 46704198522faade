using LowRank.Text.Patterns;

namespace LowRank.Text.PreTokenizers;

/// <summary>What becomes of the matches of a splitting pattern.</summary>
internal enum SplitBehavior
{
    /// <summary>They vanish.</summary>
    Removed,
    /// <summary>Each is a word.</summary>
    Isolated,
    /// <summary>Each ends the word before it.</summary>
    MergedWithPrevious,
    /// <summary>Each begins the word after it.</summary>
    MergedWithNext,
    /// <summary>Neighbouring ones are one word.</summary>
    Contiguous,
}

/// <summary>Cuts at the matches of a pattern, or, inverted, at what lies between them.</summary>
internal sealed class SplitPreTokenizer(IPattern pattern, SplitBehavior behavior, bool invert) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(Slice part, List<Slice> words)
    {
        if (part.Length == 0) return;
        var matches = new List<(int Start, int End)>();
        pattern.FindMatches(part.Span, matches);
        var pieces = Pieces(matches, part.Length);
        foreach (var (start, end) in Arrange(pieces))
            if (end > start) words.Add(part.Part(start, end));
    }

    // Matches and what lies between them, as one gapless list.
    private List<(int Start, int End, bool Match)> Pieces(List<(int Start, int End)> matches, int length)
    {
        var pieces = new List<(int, int, bool)>(matches.Count + 1);
        int from = 0;
        foreach (var (start, end) in matches)
        {
            if (start != from) pieces.Add((from, start, invert));
            pieces.Add((start, end, !invert));
            from = end;
        }
        if (from != length) pieces.Add((from, length, invert));
        return pieces;
    }

    private IEnumerable<(int Start, int End)> Arrange(List<(int Start, int End, bool Match)> pieces) => behavior switch
    {
        SplitBehavior.Removed => pieces.Where(p => !p.Match).Select(p => (p.Start, p.End)),
        SplitBehavior.Isolated => pieces.Select(p => (p.Start, p.End)),
        SplitBehavior.Contiguous => Join(pieces, (previous, piece) => previous == piece),
        SplitBehavior.MergedWithPrevious => Join(pieces, (previous, piece) => piece && !previous),
        _ => Join(pieces, (previous, piece) => previous && !piece),
    };

    // A piece is appended to the word before it where the rule says so, from its own kind and the kind of the piece before.
    private static List<(int Start, int End)> Join(List<(int Start, int End, bool Match)> pieces, Func<bool, bool, bool> joins)
    {
        var words = new List<(int Start, int End)>();
        for (int i = 0; i < pieces.Count; i++)
        {
            if (i > 0 && joins(pieces[i - 1].Match, pieces[i].Match)) words[^1] = (words[^1].Start, pieces[i].End);
            else words.Add((pieces[i].Start, pieces[i].End));
        }
        return words;
    }
}

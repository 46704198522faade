using System.Runtime.InteropServices;
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
    public void Split(Slice part, WordList words)
    {
        if (part.Length == 0) return;
        var matches = words.Matches;
        matches.Clear();
        pattern.FindMatches(part.Span, matches);
        var pieces = new Pieces(part, words, behavior);
        int from = 0;
        foreach (var (start, end) in CollectionsMarshal.AsSpan(matches))
        {
            if (start != from) pieces.Add(from, start, invert);
            pieces.Add(start, end, !invert);
            from = end;
        }
        if (from != part.Length) pieces.Add(from, part.Length, invert);
        pieces.Finish();
    }

    // Matches and what lies between them come in order and without gaps; a piece joins the word before it or begins one.
    private struct Pieces(Slice part, WordList words, SplitBehavior behavior)
    {
        private int _start, _end;
        private bool _previous, _any;

        public void Add(int start, int end, bool match)
        {
            if (behavior == SplitBehavior.Isolated) words.Add(part, start, end);
            else if (behavior == SplitBehavior.Removed)
            {
                if (!match) words.Add(part, start, end);
            }
            else
            {
                if (!_any || !Joins(match))
                {
                    Finish();
                    _start = start;
                }
                (_end, _previous, _any) = (end, match, true);
            }
        }

        public readonly void Finish() => words.Add(part, _start, _end);

        private readonly bool Joins(bool match) => behavior switch
        {
            SplitBehavior.Contiguous => _previous == match,
            SplitBehavior.MergedWithPrevious => match && !_previous,
            _ => _previous && !match,
        };
    }
}

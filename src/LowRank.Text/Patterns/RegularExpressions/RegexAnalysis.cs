namespace LowRank.Text.Patterns;

/// <summary>Goes a number of code points back; put into look-behinds.</summary>
internal sealed record RegexBack(int Width) : RegexNode;

/// <summary>What can follow a part of an expression.</summary>
/// <param name="Set">The code points that the rest can begin with.</param>
/// <param name="Nullable">Whether the rest can match nothing.</param>
/// <param name="Always">Whether the rest matches whatever follows.</param>
internal readonly record struct RegexFollow(CodePointSet Set, bool Nullable, bool Always)
{
    /// <summary>Nothing follows.</summary>
    public static readonly RegexFollow Nothing = new(CodePointSet.None, true, true);

    /// <summary>A node, then this.</summary>
    public RegexFollow After(RegexNode node)
    {
        var (set, nullable) = RegexAnalysis.First(node);
        return new RegexFollow(nullable ? set.Union(Set) : set, nullable && Nullable, Always && RegexAnalysis.AlwaysMatches(node));
    }

    /// <summary>Whether a run of a set's code points can be taken whole: giving some of them back would never help.</summary>
    public bool AllowsRun(CodePointSet set) => Always || (!Nullable && !Set.Overlaps(set));
}

/// <summary>Questions about parts of an expression.</summary>
internal static class RegexAnalysis
{
    /// <summary>The code points a node can begin with, and whether it can match nothing.</summary>
    public static (CodePointSet Set, bool Nullable) First(RegexNode node)
    {
        switch (node)
        {
            case RegexSet set: return (set.Set, false);
            case RegexAlternatives any:
                var all = any.Items.Select(First).ToList();
                return (all.Aggregate(CodePointSet.None, (s, f) => s.Union(f.Set)), all.Any(f => f.Nullable));
            case RegexRepeat repeat:
                var body = First(repeat.Body);
                return (body.Set, repeat.Min == 0 || body.Nullable);
            case RegexCapture capture: return First(capture.Body);
            case RegexAtomic atomic: return First(atomic.Body);
            case RegexSequence sequence:
                var first = CodePointSet.None;
                foreach (var item in sequence.Items)
                {
                    var (set, nullable) = First(item);
                    first = first.Union(set);
                    if (!nullable || item is RegexBack or RegexBackReference) return (first, nullable);
                }
                return (first, true);
            case RegexBack or RegexBackReference: return (CodePointSet.All, true);
            default: return (CodePointSet.None, true);
        }
    }

    /// <summary>Whether a node matches whatever comes.</summary>
    public static bool AlwaysMatches(RegexNode node) => node switch
    {
        RegexRepeat repeat => repeat.Min == 0,
        RegexSequence sequence => sequence.Items.All(AlwaysMatches),
        RegexAlternatives any => any.Items.Any(AlwaysMatches),
        RegexCapture capture => AlwaysMatches(capture.Body),
        RegexAtomic atomic => AlwaysMatches(atomic.Body),
        _ => false,
    };

    /// <summary>How many code points a node matches; -1 where that is not fixed.</summary>
    public static int Width(RegexNode node)
    {
        switch (node)
        {
            case RegexSet: return 1;
            case RegexAnchor or RegexLook: return 0;
            case RegexCapture capture: return Width(capture.Body);
            case RegexAtomic atomic: return Width(atomic.Body);
            case RegexRepeat repeat:
                int once = Width(repeat.Body);
                return repeat.Min == repeat.Max && once >= 0 && (long)once * repeat.Min < int.MaxValue ? once * repeat.Min : -1;
            case RegexAlternatives any:
                var widths = any.Items.Select(Width).Distinct().ToList();
                return widths.Count == 1 ? widths[0] : -1;
            case RegexSequence sequence:
                long sum = 0;
                foreach (int width in sequence.Items.Select(Width))
                {
                    if (width < 0) return -1;
                    sum += width;
                }
                return sum < int.MaxValue ? (int)sum : -1;
            default: return -1;
        }
    }
}

namespace LowRank.Text.Patterns;

/// <summary>A set of code points: sorted ranges, and a bitmap of the first plane once it is asked for members.</summary>
internal sealed class CodePointSet
{
    /// <summary>One past the last code point.</summary>
    public const int End = 0x110000;
    /// <summary>No code point.</summary>
    public static readonly CodePointSet None = new([]);
    /// <summary>Every code point.</summary>
    public static readonly CodePointSet All = new([0, End]);

    private readonly int[] _bounds; // where membership changes, beginning with the first member
    private ulong[]? _plane;

    private CodePointSet(int[] bounds) => _bounds = bounds;

    /// <summary>One code point.</summary>
    public static CodePointSet Of(int c) => new([c, c + 1]);

    /// <summary>The code points from <paramref name="first"/> to <paramref name="last"/>.</summary>
    public static CodePointSet Of(int first, int last) => new([first, last + 1]);

    /// <summary>The code points a question is true of.</summary>
    public static CodePointSet Where(Func<int, bool> member)
    {
        var bounds = new List<int>();
        for (int c = 0; c < End; c++)
            if (member(c) != (bounds.Count % 2 == 1)) bounds.Add(c);
        if (bounds.Count % 2 == 1) bounds.Add(End);
        return new CodePointSet([.. bounds]);
    }

    /// <summary>Ranges in any order, overlapping or not.</summary>
    public static CodePointSet OfRanges(IEnumerable<(int First, int Last)> ranges)
    {
        var bounds = new List<int>();
        foreach (var (first, last) in ranges.OrderBy(r => r.First))
        {
            if (bounds.Count > 0 && first <= bounds[^1]) bounds[^1] = Math.Max(bounds[^1], last + 1);
            else bounds.AddRange([first, last + 1]);
        }
        return new CodePointSet([.. bounds]);
    }

    /// <summary>Whether it has no member.</summary>
    public bool IsEmpty => _bounds.Length == 0;

    /// <summary>The only member; -1 where there are none or several.</summary>
    public int Single => _bounds.Length == 2 && _bounds[1] == _bounds[0] + 1 ? _bounds[0] : -1;

    /// <summary>The ranges, ends included.</summary>
    public IEnumerable<(int First, int Last)> Ranges()
    {
        for (int i = 0; i < _bounds.Length; i += 2) yield return (_bounds[i], _bounds[i + 1] - 1);
    }

    /// <summary>What is in either.</summary>
    public CodePointSet Union(CodePointSet other) => IsEmpty ? other : other.IsEmpty ? this : Combine(other, (a, b) => a || b);
    /// <summary>What is in both.</summary>
    public CodePointSet Intersect(CodePointSet other) => Combine(other, (a, b) => a && b);
    /// <summary>What is not in it.</summary>
    public CodePointSet Negate() => All.Combine(this, (a, b) => a && !b);
    /// <summary>Whether they share a member.</summary>
    public bool Overlaps(CodePointSet other) => !Intersect(other).IsEmpty;

    /// <summary>Whether a code point is a member.</summary>
    public bool Contains(int c)
    {
        if (c >= 0x10000) return (Search(c) & 1) != 0;
        var plane = _plane ??= MakePlane();
        return (plane[c >> 6] >> (c & 63) & 1) != 0;
    }

    // How many bounds are at or below the code point: odd inside a range.
    private int Search(int c)
    {
        int low = 0, high = _bounds.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_bounds[middle] <= c) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private ulong[] MakePlane()
    {
        var plane = new ulong[0x10000 / 64];
        foreach (var (first, last) in Ranges())
            for (int c = first; c <= Math.Min(last, 0xFFFF); c++) plane[c >> 6] |= 1UL << (c & 63);
        return plane;
    }

    private CodePointSet Combine(CodePointSet other, Func<bool, bool, bool> member)
    {
        var bounds = new List<int>();
        int i = 0, j = 0;
        while (i < _bounds.Length || j < other._bounds.Length)
        {
            int at = Math.Min(i < _bounds.Length ? _bounds[i] : End, j < other._bounds.Length ? other._bounds[j] : End);
            if (i < _bounds.Length && _bounds[i] == at) i++;
            if (j < other._bounds.Length && other._bounds[j] == at) j++;
            if (member(i % 2 == 1, j % 2 == 1) != (bounds.Count % 2 == 1)) bounds.Add(at);
        }
        return new CodePointSet([.. bounds]);
    }
}

namespace LowRank.Text.Templates.Values;

/// <summary>Python's str: indexed by code point. <see cref="IsMarkup"/> marks text that is escaped already.</summary>
internal sealed class Str : Value
{
    public static readonly Str Empty = new("");
    private static readonly Str[] Ascii = [.. Enumerable.Range(0, 128).Select(c => new Str(((char)c).ToString()))];
    private int[]? _starts; // of each code point and of the end; null until known, empty where every unit is a code point

    public Str(string text, bool isMarkup = false) => (Text, IsMarkup) = (text, isMarkup);

    public string Text { get; }
    public bool IsMarkup { get; }
    public override string TypeName => IsMarkup ? "Markup" : "str";
    public override bool IsTrue => Text.Length > 0;
    public override long Weight => 1 + (Text.Length >> 4);
    public override bool Equals(object? other) => other is Str s && Text == s.Text;
    public override int GetHashCode() => Text.GetHashCode();

    public static Str Of(string text) => text.Length switch { 0 => Empty, 1 when text[0] < 128 => Ascii[text[0]], _ => new(text) };
    public static Str Of(ReadOnlySpan<char> text) => text.Length switch { 0 => Empty, 1 when text[0] < 128 => Ascii[text[0]], _ => new(text.ToString()) };

    /// <summary>The number of code points.</summary>
    public int Length => Starts().Length is var n && n == 0 ? Text.Length : n - 1;

    /// <summary>Where a code point begins in <see cref="Text"/>.</summary>
    public int Offset(int point) => Starts() is { Length: > 0 } starts ? starts[point] : point;

    /// <summary>Which code point begins at a place of <see cref="Text"/>.</summary>
    public int PointAt(int offset)
    {
        var starts = Starts();
        if (starts.Length == 0) return offset;
        int at = Array.BinarySearch(starts, offset);
        return at >= 0 ? at : ~at - 1;
    }

    /// <summary>One code point.</summary>
    public Str At(int point) => Sub(point, point + 1);

    /// <summary>The code points from one up to another.</summary>
    public Str Sub(int from, int to) => from >= to ? Empty : Of(Text.AsSpan(Offset(from)..Offset(to)));

    /// <summary>All code points.</summary>
    public Value[] Points()
    {
        var points = new Value[Length];
        for (int i = 0; i < points.Length; i++) points[i] = At(i);
        return points;
    }

    private int[] Starts()
    {
        if (_starts is not null) return _starts;
        if (Text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') < 0) return _starts = [];
        List<int> starts = new(Text.Length);
        for (int i = 0; i < Text.Length; i += (i + 1 < Text.Length && char.IsSurrogatePair(Text[i], Text[i + 1])) ? 2 : 1) starts.Add(i);
        starts.Add(Text.Length);
        return _starts = [.. starts];
    }
}

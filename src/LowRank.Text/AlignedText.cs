namespace LowRank.Text;

/// <summary>
/// A text on its way through the pipeline that still knows where each of its UTF-16 units came from.
/// Null alignments mean that nothing was changed yet, which is the usual case and costs nothing.
/// </summary>
internal sealed class AlignedText(string text, int[]? starts = null, int[]? ends = null)
{
    private Slice? _under;
    private int _prefix;

    /// <summary>The text as it stands now.</summary>
    public string Text { get; } = text;

    /// <summary>
    /// A text whose units stand one for one for those of a part, after a prefix that shares the place of the part's first character.
    /// </summary>
    public static AlignedText Over(Slice part, string text, int prefix = 0) => new(text) { _under = part, _prefix = prefix };

    /// <summary>Where the character of unit <paramref name="i"/> began in the original (UTF-16).</summary>
    public int StartOf(int i)
        => _under is { } part ? part.Source.StartOf(part.Start + Math.Max(0, i - _prefix))
            : starts is not null ? starts[i] : i > 0 && char.IsLowSurrogate(Text[i]) && char.IsHighSurrogate(Text[i - 1]) ? i - 1 : i;

    /// <summary>Where the character of unit <paramref name="i"/> ended in the original (UTF-16, exclusive).</summary>
    public int EndOf(int i)
        => _under is { } part ? part.Source.EndOf(part.Start + Math.Max(0, i - _prefix))
            : ends is not null ? ends[i] : i + 1 < Text.Length && char.IsHighSurrogate(Text[i]) && char.IsLowSurrogate(Text[i + 1]) ? i + 2 : i + 1;
}

/// <summary>A part of a text: units [Start, Start + Length).</summary>
internal readonly record struct Slice(AlignedText Source, int Start, int Length)
{
    /// <summary>A whole text.</summary>
    public Slice(string text) : this(new AlignedText(text), 0, text.Length) { }

    /// <summary>The characters.</summary>
    public ReadOnlySpan<char> Span => Source.Text.AsSpan(Start, Length);

    /// <summary>A part of this part.</summary>
    public Slice Part(int start, int end) => new(Source, Start + start, end - start);

    /// <summary>Its place in the original (UTF-16); an empty part lies nowhere.</summary>
    public (int Start, int End) Original => Length == 0 ? (0, 0) : (Source.StartOf(Start), Source.EndOf(Start + Length - 1));
}

/// <summary>Writes a changed text and where each of its characters came from.</summary>
internal sealed class AlignedTextBuilder
{
    private readonly System.Text.StringBuilder _text = new();
    private readonly List<int> _starts = [], _ends = [];

    /// <summary>Appends characters that stand for the original's [start, end).</summary>
    public void Append(ReadOnlySpan<char> characters, int start, int end)
    {
        _text.Append(characters);
        for (int i = 0; i < characters.Length; i++)
        {
            _starts.Add(start);
            _ends.Add(end);
        }
    }

    /// <summary>Appends a part unchanged.</summary>
    public void Append(Slice slice)
    {
        _text.Append(slice.Span);
        for (int i = slice.Start; i < slice.Start + slice.Length; i++)
        {
            _starts.Add(slice.Source.StartOf(i));
            _ends.Add(slice.Source.EndOf(i));
        }
    }

    /// <summary>
    /// A part rewritten character by character: change 0 stands for the next character of the part, 1 is put in after it and shares its place,
    /// -n stands for the next one and swallows n more.
    /// </summary>
    public static Slice Transform(Slice part, List<(int Rune, int Change)> characters)
    {
        var builder = new AlignedTextBuilder();
        Span<char> units = stackalloc char[2];
        int next = 0;
        (int Start, int End) place = (0, 0);
        foreach (var (rune, change) in characters)
        {
            for (int taken = change; taken <= 0 && next < part.Length; taken++)
            {
                Unicode.At(part.Span, next, out int length);
                if (taken == change) place = part.Part(next, next + length).Original;
                next += length;
            }
            int count = new System.Text.Rune(rune).EncodeToUtf16(units);
            builder.Append(units[..count], place.Start, place.End);
            if (change < 0) place = part.Part(next - 1, next).Original;
        }
        return builder.ToSlice();
    }

    /// <summary>The whole.</summary>
    public Slice ToSlice()
    {
        string text = _text.ToString();
        return new Slice(new AlignedText(text, [.. _starts], [.. _ends]), 0, text.Length);
    }
}

using LowRank.Text.Patterns;

namespace LowRank.Text.Normalizers;

/// <summary>Puts a string in the place of every match; it shares the place of the match's last character.</summary>
internal sealed class ReplaceNormalizer(IPattern pattern, string content) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        if (part.Length == 0) return part;
        var matches = new List<(int Start, int End)>();
        pattern.FindMatches(part.Span, matches);
        if (matches.Count == 0) return part;
        if (content.Length == 1 && matches.TrueForAll(m => m.End - m.Start == 1)) return OneForOne(part, matches);
        var builder = new AlignedTextBuilder();
        int done = 0;
        foreach (var (start, end) in matches)
        {
            builder.Append(part.Part(done, start));
            var place = Place(part, end);
            builder.Append(content, place.Start, place.End);
            done = end;
        }
        builder.Append(part.Part(done, part.Length));
        return builder.ToSlice();
    }

    private Slice OneForOne(Slice part, List<(int Start, int End)> matches)
    {
        char[] text = part.Span.ToArray();
        foreach (var (start, _) in matches) text[start] = content[0];
        return new Slice(AlignedText.Over(part, new string(text)), 0, text.Length);
    }

    // The place of the character that ends there; an empty match at the start has none before it.
    private static (int Start, int End) Place(Slice part, int end)
    {
        if (end == 0) return (part.Source.StartOf(part.Start), part.Source.StartOf(part.Start));
        int last = part.Start + end - 1;
        return (part.Source.StartOf(last), part.Source.EndOf(last));
    }
}

using LowRank.Text.Patterns;

namespace LowRank.Text.PreTokenizers;

/// <summary>Where a text gets the sign of a blank in front.</summary>
internal enum PrependScheme
{
    /// <summary>Every part of a text, also after an added token.</summary>
    Always,
    /// <summary>Only at the beginning of the text.</summary>
    First,
    /// <summary>Nowhere.</summary>
    Never,
}

/// <summary>SentencePiece's way: blanks become a visible sign, one is put in front, and words begin with it.</summary>
internal sealed class MetaspacePreTokenizer(int replacement, PrependScheme scheme, bool split) : IPreTokenizer
{
    private readonly string _sign = char.ConvertFromUtf32(replacement);
    private readonly SplitPreTokenizer _words = new(new CharacterPattern(CodePointSet.Of(replacement)), SplitBehavior.MergedWithNext, invert: false);

    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        if (part.Length == 0) return;
        bool front = scheme == PrependScheme.Always || (scheme == PrependScheme.First && part.Original.Start == 0);
        if (part.Span[0] == ' ' || part.Span.StartsWith(_sign, StringComparison.Ordinal)) front = false;
        part = _sign.Length == 1 ? Replace(part, front) : ReplaceWide(part, front);
        if (split) _words.Split(part, words);
        else words.Add(part);
    }

    // Unit for unit, so the places need no lists.
    private Slice Replace(Slice part, bool front)
    {
        string text = string.Create(part.Length + (front ? 1 : 0), (part, front, _sign), static (units, state) =>
        {
            var (slice, prefix, sign) = state;
            if (prefix) units[0] = sign[0];
            slice.Span.Replace(units[(prefix ? 1 : 0)..], ' ', sign[0]);
        });
        return new Slice(AlignedText.Over(part, text, front ? 1 : 0), 0, text.Length);
    }

    private Slice ReplaceWide(Slice part, bool front)
    {
        var builder = new AlignedTextBuilder();
        if (front) builder.Append(_sign, part.Source.StartOf(part.Start), part.Source.EndOf(part.Start));
        for (int i = 0; i < part.Length; i++)
        {
            var unit = part.Part(i, i + 1);
            if (part.Span[i] == ' ') builder.Append(_sign, unit.Original.Start, unit.Original.End);
            else builder.Append(unit);
        }
        return builder.ToSlice();
    }
}

namespace LowRank.Text.Normalizers;

/// <summary>Unicode normalization: NFC, NFD, NFKC, NFKD (`compatible`: the K forms; `compose`: the C forms).</summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        if (IsPlain(part.Span)) return part;
        var characters = Decompose(part.Span);
        Reorder(characters);
        return AlignedTextBuilder.Transform(part, compose ? Compose(characters) : characters);
    }

    private bool IsPlain(ReadOnlySpan<char> text)
    {
        for (int i = 0, length; i < text.Length; i += length)
        {
            int c = Unicode.At(text, i, out length);
            if (c >= 0x80 && (!compose || compatible || Decompositions.MayChange(c))) return false;
        }
        return true;
    }

    // Change 0: stands for the next character of the text; 1: belongs to the one before; -n: stands for n more.
    private List<(int Rune, int Change)> Decompose(ReadOnlySpan<char> text)
    {
        var result = new List<(int, int)>(text.Length);
        var parts = new List<int>();
        for (int i = 0, length; i < text.Length; i += length)
        {
            parts.Clear();
            Decompositions.Decompose(Unicode.At(text, i, out length), compatible, parts);
            for (int j = 0; j < parts.Count; j++) result.Add((parts[j], j == 0 ? 0 : 1));
        }
        return result;
    }

    // Marks after a base character go by their class, those of one class as they stood.
    private static void Reorder(List<(int Rune, int Change)> characters)
    {
        for (int start = 0, end; start < characters.Count; start = end + 1)
        {
            end = start;
            while (end < characters.Count && Decompositions.Class(characters[end].Rune) != 0) end++;
            if (end - start < 2) continue;
            var sorted = characters.GetRange(start, end - start).OrderBy(c => Decompositions.Class(c.Rune)).ToList();
            for (int i = 0; i < sorted.Count; i++) characters[start + i] = sorted[i];
        }
    }

    private static List<(int Rune, int Change)> Compose(List<(int Rune, int Change)> characters)
    {
        var result = new List<(int Rune, int Change)>(characters.Count);
        int starter = -1, lastClass = -1; // the place in result that marks compose with; the class of the last mark left standing after it
        foreach (var (rune, change) in characters)
        {
            int @class = Decompositions.Class(rune);
            if (starter >= 0 && lastClass < (lastClass < 0 ? 0 : @class) && Decompositions.Compose(result[starter].Rune, rune) is >= 0 and int composed)
            {
                result[starter] = (composed, result[starter].Change + change - 1);
                continue;
            }
            if (@class == 0) (starter, lastClass) = (result.Count, -1);
            else lastClass = @class;
            result.Add((rune, change));
        }
        return result;
    }
}

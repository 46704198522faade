using System.Text;

namespace LowRank.Text.Normalizers;

/// <summary>Lower case, character by character: no context (a final sigma stays σ), no language.</summary>
internal sealed class LowercaseNormalizer : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        int first = 0;
        for (int length; first < text.Length; first += length)
        {
            int c = Unicode.At(text, first, out length);
            if (c == 0x130 || Lower(c) != c) break;
        }
        if (first == text.Length) return part;

        var builder = new AlignedTextBuilder();
        Span<char> units = stackalloc char[2];
        for (int i = 0, length; i < text.Length; i += length)
        {
            int c = Unicode.At(text, i, out length);
            var (start, end) = part.Part(i, i + length).Original;
            if (c == 0x130) builder.Append("i\u0307", start, end); // the one letter whose lower case is two characters
            else builder.Append(units[..new Rune(Lower(c)).EncodeToUtf16(units)], start, end);
        }
        return builder.ToSlice();
    }

    private static int Lower(int c) => Rune.ToLowerInvariant(new Rune(c)).Value;
}

using System.Text;

namespace LowRank.Text.Normalizers;

/// <summary>Puts one character in another's place.</summary>
internal sealed class MapNormalizer(Func<int, int> map) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        AlignedTextBuilder? builder = null;
        Span<char> units = stackalloc char[2];
        int done = 0;
        for (int i = 0, length; i < text.Length; i += length)
        {
            int c = Unicode.At(text, i, out length), mapped = map(c);
            if (mapped == c) continue;
            builder ??= new AlignedTextBuilder();
            builder.Append(part.Part(done, i));
            var (start, end) = part.Part(i, i + length).Original;
            builder.Append(units[..new Rune(mapped).EncodeToUtf16(units)], start, end);
            done = i + length;
        }
        if (builder is null) return part;
        builder.Append(part.Part(done, text.Length));
        return builder.ToSlice();
    }
}

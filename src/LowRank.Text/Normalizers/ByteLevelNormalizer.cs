using System.Text;

namespace LowRank.Text.Normalizers;

/// <summary>Spells a text's UTF-8 bytes in the byte alphabet; the bytes of a character share its place.</summary>
internal sealed class ByteLevelNormalizer : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        var builder = new AlignedTextBuilder();
        Span<byte> bytes = stackalloc byte[4];
        Span<char> spelled = stackalloc char[4];
        for (int i = 0, length; i < text.Length; i += length)
        {
            int count = new Rune(Unicode.At(text, i, out length)).EncodeToUtf8(bytes);
            for (int b = 0; b < count; b++) spelled[b] = ByteAlphabet.CharOf(bytes[b]);
            var (start, end) = part.Part(i, i + length).Original;
            builder.Append(spelled[..count], start, end);
        }
        return builder.ToSlice();
    }
}

namespace LowRank.Text.Normalizers;

/// <summary>Puts a string before a text that is not empty; it shares the place of the first character.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        if (part.Length == 0 || prefix.Length == 0) return part;
        Unicode.At(part.Span, 0, out int length);
        var (start, end) = part.Part(0, length).Original;
        var builder = new AlignedTextBuilder();
        builder.Append(prefix, start, end);
        builder.Append(part);
        return builder.ToSlice();
    }
}

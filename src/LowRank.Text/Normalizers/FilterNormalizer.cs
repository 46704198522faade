namespace LowRank.Text.Normalizers;

/// <summary>Leaves characters out.</summary>
internal sealed class FilterNormalizer(Func<int, bool> keeps) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        AlignedTextBuilder? builder = null;
        int done = 0;
        for (int i = 0, length; i < text.Length; i += length)
        {
            if (keeps(Unicode.At(text, i, out length))) continue;
            builder ??= new AlignedTextBuilder();
            builder.Append(part.Part(done, i));
            done = i + length;
        }
        if (builder is null) return part;
        builder.Append(part.Part(done, text.Length));
        return builder.ToSlice();
    }
}

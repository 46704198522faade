namespace LowRank.Text.Normalizers;

/// <summary>Puts a string before a text that is not empty; it shares the place of the first character.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        if (part.Length == 0 || prefix.Length == 0) return part;
        string text = string.Concat(prefix, part.Span);
        return new Slice(AlignedText.Over(part, text, prefix.Length), 0, text.Length);
    }
}

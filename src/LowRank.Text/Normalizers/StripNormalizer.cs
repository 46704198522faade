namespace LowRank.Text.Normalizers;

/// <summary>Takes the blanks from the ends of a text.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        int start = 0, end = text.Length;
        while (left && start < end && Unicode.IsSpace(text[start])) start++;
        while (right && end > start && Unicode.IsSpace(text[end - 1])) end--;
        return end - start == text.Length ? part : part.Part(start, end);
    }
}

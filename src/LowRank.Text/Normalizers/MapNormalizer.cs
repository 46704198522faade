namespace LowRank.Text.Normalizers;

/// <summary>Puts one UTF-16 unit in another's place, so that every character keeps its own.</summary>
internal sealed class MapNormalizer(Func<char, char> map) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        int first = 0;
        while (first < text.Length && map(text[first]) == text[first]) first++;
        if (first == text.Length) return part;
        char[] changed = text.ToArray();
        for (int i = first; i < changed.Length; i++) changed[i] = map(changed[i]);
        return new Slice(AlignedText.Over(part, new string(changed)), 0, changed.Length);
    }
}

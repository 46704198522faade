namespace LowRank.Text.PostProcessors;

/// <summary>Takes the blanks that belong to tokens out of their offsets, if asked to.</summary>
internal sealed class ByteLevelPostProcessor(bool trimOffsets, bool addPrefixSpace) : IPostProcessor
{
    /// <inheritdoc/>
    public IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens)
    {
        if (trimOffsets)
            foreach (var part in parts)
                if (part.Offsets is not null) Trim(part);
        return parts;
    }

    /// <inheritdoc/>
    public int AddedCount(bool pair) => 0;

    private void Trim(EncodingPart part)
    {
        for (int i = 0; i < part.Ids.Count; i++)
        {
            string token = part.Tokens![i];
            var (start, end) = part.Offsets![i];
            int leading = token.TakeWhile(IsBlank).Count(), trailing = token.Reverse().TakeWhile(IsBlank).Count();
            // A blank that was put in front has no place of its own, so there is nothing to take away.
            if (addPrefixSpace && (i == 0 || start == 0)) leading = 0;
            if (leading > 0) start = Math.Min(start + leading, end);
            if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
            part.Offsets[i] = (start, end);
        }
    }

    private static bool IsBlank(char c) => c == ByteAlphabet.CharOf((byte)' ') || Unicode.IsSpace(c);
}

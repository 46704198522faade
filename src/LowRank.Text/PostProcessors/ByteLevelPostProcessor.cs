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

    private void Trim(EncodingPart part)
    {
        for (int i = 0; i < part.Ids.Count; i++)
        {
            string token = part.Tokens![i];
            var (start, end) = part.Offsets![i];
            int leading = token.TakeWhile(IsBlank).Count(), trailing = token.Reverse().TakeWhile(IsBlank).Count();
            // A single blank at the start may have been put there, and then it has no place to take away.
            if (addPrefixSpace && leading == 1 && (i == 0 || start == 0)) leading = 0;
            if (leading > 0) start = Math.Min(start + leading, end);
            if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
            part.Offsets[i] = (start, end);
        }
    }

    private static bool IsBlank(char c) => c == ByteAlphabet.CharOf((byte)' ') || Unicode.IsSpace(c);
}

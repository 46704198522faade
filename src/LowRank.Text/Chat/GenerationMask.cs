namespace LowRank.Text.Chat;

/// <summary>Which tokens a template's {% generation %} blocks cover.</summary>
internal static class GenerationMask
{
    /// <summary>Transformers' rule: from the token of a block's first character to that of its last one; a block whose last character has no token reaches to the end.</summary>
    public static int[] Of(Encoding encoding, IReadOnlyList<(int Start, int End)> blocks)
    {
        int[] mask = new int[encoding.Ids.Count];
        foreach (var (from, to) in Runs(encoding, blocks)) Array.Fill(mask, 1, from, Math.Max(0, to - from));
        return mask;
    }

    /// <summary>
    /// The same for training: with all tokens of a block's last character (the rule above takes the first of them only, and would cut an emoji at a block's end in two),
    /// and with the turn's end token where a block stops right before it.
    /// </summary>
    public static int[] WithEndTokens(Encoding encoding, IReadOnlyList<(int Start, int End)> blocks, Tokenizer tokenizer)
    {
        int[] mask = new int[encoding.Ids.Count];
        foreach (var block in blocks)
        {
            foreach (var (from, last) in Runs(encoding, [block]))
            {
                int to = last;
                while (to > from && to < mask.Length && encoding.Offsets[to].Start < block.End) to++;
                if (to > from && to < mask.Length && TurnEnds.CanEnd(tokenizer, encoding.Ids[to]) && !ClosesItself(encoding, from, to, tokenizer)) to++;
                Array.Fill(mask, 1, from, Math.Max(0, to - from));
            }
        }
        return mask;
    }

    // Ends in a special token, perhaps with blanks behind it.
    private static bool ClosesItself(Encoding encoding, int from, int to, Tokenizer tokenizer)
    {
        int last = to - 1;
        while (last > from && !TurnEnds.CanEnd(tokenizer, encoding.Ids[last]) && string.IsNullOrWhiteSpace(tokenizer.Decode([encoding.Ids[last]]))) last--;
        return TurnEnds.CanEnd(tokenizer, encoding.Ids[last]);
    }

    private static IEnumerable<(int From, int To)> Runs(Encoding encoding, IReadOnlyList<(int Start, int End)> blocks)
    {
        foreach (var (start, end) in blocks)
        {
            if (end == 0) continue;
            int first = TokenAt(encoding.Offsets, start), last = TokenAt(encoding.Offsets, end - 1);
            if (first < 0) yield break;
            yield return (first, last < 0 ? encoding.Ids.Count : last + 1);
        }
    }

    // The first token that holds a character; places only grow, so the search may halve.
    private static int TokenAt(IReadOnlyList<(int Start, int End)> offsets, int character)
    {
        int low = 0, high = offsets.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (offsets[middle].End <= character) low = middle + 1;
            else high = middle;
        }
        return low < offsets.Count && offsets[low].Start <= character ? low : -1;
    }
}

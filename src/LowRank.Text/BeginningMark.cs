namespace LowRank.Text;

/// <summary>The marks that a tokenizer puts around a text.</summary>
public static class BeginningMark
{
    /// <summary>The ids of a text that begins a sequence. A text that has the mark already, because it is rendered, keeps one; so with a
    /// mark at the end.</summary>
    /// <param name="encode">Text and whether the tokenizer's own special tokens are added, to ids.</param>
    /// <param name="text">The text.</param>
    public static int[] Once(Func<string, bool, int[]> encode, string text)
    {
        int[] ids = encode(text, true);
        if (ids.Length < 2 || (ids[0] != ids[1] && ids[^1] != ids[^2])) return ids;
        int[] plain = encode(text, false);
        var (before, behind) = Added(encode);
        int from = before == 1 && plain.Length > 0 && plain[0] == ids[0] ? 1 : 0;
        int to = behind == 1 && plain.Length > from && plain[^1] == ids[^1] ? 1 : 0;
        return ids[from..^to];
    }

    /// <summary>How many tokens are put before and behind a text.</summary>
    private static (int Before, int Behind) Added(Func<string, bool, int[]> encode)
    {
        int[] whole = encode("a", true), plain = encode("a", false);
        int before = whole.AsSpan().IndexOf(plain);
        return before < 0 ? (0, 0) : (before, whole.Length - before - plain.Length);
    }
}

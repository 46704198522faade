namespace LowRank.Training;

/// <summary>Rows padded on the right to one width; the arrays are [B, T] row after row.</summary>
/// <param name="Ids">Token ids, the pad id beyond a row's end.</param>
/// <param name="Mask">1 where there is a token, 0 on padding.</param>
/// <param name="Labels">Unshifted, -100 where there is no target.</param>
/// <param name="B">Rows.</param>
/// <param name="T">Width in tokens.</param>
public sealed record Batch(long[] Ids, long[] Mask, long[] Labels, int B, int T)
{
    /// <summary>Positions that count in the loss (the first of a row never does).</summary>
    public int TargetTokens
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Labels.Length; i++) if (i % T != 0 && Labels[i] != Row.Ignored) count++;
            return count;
        }
    }

    /// <summary>Tokens without padding.</summary>
    public int Tokens => (int)Mask.Sum();

    /// <summary>Pads the rows to the longest of them.</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="padId">What fills up; it is masked, so any id of the vocabulary will do.</param>
    public static Batch Of(IReadOnlyList<Row> rows, int padId)
    {
        int width = rows.Max(r => r.InputIds.Length);
        var (ids, mask, labels) = (new long[rows.Count * width], new long[rows.Count * width], new long[rows.Count * width]);
        Array.Fill(ids, padId);
        Array.Fill(labels, Row.Ignored);
        for (int b = 0; b < rows.Count; b++)
            for (int t = 0; t < rows[b].InputIds.Length; t++)
            {
                int at = b * width + t;
                (ids[at], mask[at], labels[at]) = (rows[b].InputIds[t], 1, rows[b].Labels[t]);
            }
        return new Batch(ids, mask, labels, rows.Count, width);
    }
}

namespace LowRank.Training;

/// <summary>Batches for measuring, where order does not matter: rows of like length together, end to end without padding.</summary>
public static class EvaluationBatches
{
    /// <summary>Longest rows first, each batch with the numbers its rows have in <paramref name="rows"/>.</summary>
    /// <param name="rows">The rows; only their lengths are looked at beforehand.</param>
    /// <param name="tokens">Tokens of a batch at most, unless a single row has more.</param>
    /// <param name="multiple">What each batch is filled up to a multiple of.</param>
    public static IEnumerable<(Batch Batch, int[] RowNumbers)> ByLength(IReadOnlyList<Row> rows, int tokens, int multiple = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        var lengths = MemoryRows.Of(rows);
        int[] order = [.. Enumerable.Range(0, rows.Count).OrderByDescending(lengths.LengthOf)];
        for (int start = 0, end; start < order.Length; start = end)
        {
            long sum = lengths.LengthOf(order[start]);
            for (end = start + 1; end < order.Length && (sum += lengths.LengthOf(order[end])) <= tokens; end++) { }
            int[] numbers = order[start..end];
            yield return (Batch.EndToEnd([.. numbers.Select(i => rows[i])], multiple), numbers);
        }
    }
}

namespace LowRank.Training;

/// <summary>Batches for measuring, where order does not matter: rows of like length together, so that little is spent on padding.</summary>
public static class EvaluationBatches
{
    /// <summary>Longest rows first (the most memory is needed at once, not at the end), each batch with the numbers its rows have in <paramref name="rows"/>.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="batchSize">Rows of a batch at most.</param>
    /// <param name="padId">The id that fills short rows.</param>
    public static IEnumerable<(Batch Batch, int[] RowNumbers)> ByLength(IReadOnlyList<Row> rows, int batchSize, int padId = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        int[] order = [.. Enumerable.Range(0, rows.Count).OrderByDescending(i => rows[i].InputIds.Length)];
        return order.Chunk(batchSize).Select(numbers => (Batch.Of([.. numbers.Select(i => rows[i])], padId), numbers));
    }
}

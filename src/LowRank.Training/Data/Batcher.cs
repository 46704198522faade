namespace LowRank.Training;

/// <summary>
/// Cuts the epochs into micro-batches. Any batch can be had by its number alone, because the order of an epoch depends on nothing but
/// seed, epoch and lengths: a resumed run needs no more than the number it had come to.
/// </summary>
public sealed class Batcher
{
    private readonly IRowList _rows;
    private readonly BatchOptions _options;
    private (long Epoch, EpochOrder Order) _current;
    private IRowList _epochRows;

    /// <summary>Keeps the rows and looks at their lengths.</summary>
    /// <param name="rows">All of an epoch, at least one.</param>
    /// <param name="options">How they become batches; the last batch of an epoch may be smaller.</param>
    public Batcher(IRowList rows, BatchOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchSize);
        (_rows, _options, _epochRows) = (rows, options, rows);
        _current = (0, EpochOrder.Make(rows, options, 0));
        BatchesPerEpoch = (_current.Order.Count + options.BatchSize - 1) / options.BatchSize;
    }

    /// <summary>Rows in memory, each a sequence, padded.</summary>
    public Batcher(IReadOnlyList<Row> rows, int batchSize, bool shuffle, ulong seed, int padId = 0) : this(MemoryRows.Of(rows), new BatchOptions(batchSize, shuffle, seed) { PadId = padId })
    {
    }

    /// <summary>Micro-batches of an epoch, the same in each.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>The batch of a number counted from 0 over all epochs.</summary>
    public Batch BatchAt(long microStep)
    {
        int[] numbers = RowsAt(microStep);
        Row[] rows = [.. numbers.Select(i => _epochRows[i])];
        return _options.PaddingFree || _options.PackedLength is not null ? Batch.EndToEnd(rows) : Batch.Of(rows, _options.PadId);
    }

    /// <summary>The row numbers of that batch.</summary>
    public int[] RowsAt(long microStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microStep);
        var (epoch, index) = Math.DivRem(microStep, BatchesPerEpoch);
        return [.. OrderOf(epoch).Of((int)index * _options.BatchSize, _options.BatchSize)];
    }

    /// <summary>The row numbers of an epoch in their order.</summary>
    public int[] Order(long epoch) => [.. OrderOf(epoch).Rows];

    private EpochOrder OrderOf(long epoch)
    {
        if (_current.Epoch == epoch) return _current.Order;
        // Weighted sources show other rows each epoch; packed ones the same, as the number of sequences is that of their lengths.
        if (_rows is WeightedRows weighted && _options.PackedLength is null) _epochRows = weighted.ForEpoch(epoch);
        _current = (epoch, EpochOrder.Make(_epochRows, _options, epoch));
        return _current.Order;
    }
}

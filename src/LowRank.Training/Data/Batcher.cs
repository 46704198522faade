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

    /// <summary>Keeps the rows and looks at their lengths.</summary>
    /// <param name="rows">All of an epoch, at least one.</param>
    /// <param name="options">How they become batches; the last batch of an epoch may be smaller.</param>
    public Batcher(IRowList rows, BatchOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchSize);
        (_rows, _options) = (rows, options);
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
        Row[] rows = [.. RowsAt(microStep).Select(i => _rows[i])];
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
        if (_current.Epoch != epoch) _current = (epoch, EpochOrder.Make(_rows, _options, epoch));
        return _current.Order;
    }
}

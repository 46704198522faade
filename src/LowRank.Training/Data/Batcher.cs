namespace LowRank.Training;

/// <summary>
/// Cuts the epochs into micro-batches. Any batch can be had by its number alone, because the order of an epoch depends on nothing but
/// seed and epoch: a resumed run needs no more than the number it had come to.
/// </summary>
public sealed class Batcher
{
    private readonly IReadOnlyList<Row> _rows;
    private readonly int _batchSize, _padId;
    private readonly bool _shuffle;
    private readonly ulong _seed;
    private (long Epoch, int[] Order)? _cached;

    /// <summary>Keeps the rows.</summary>
    /// <param name="rows">All of an epoch, at least one.</param>
    /// <param name="batchSize">Rows of a micro-batch; the last one of an epoch may have fewer.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own; else the file's.</param>
    /// <param name="seed">What the orders follow from.</param>
    /// <param name="padId">The id that fills short rows.</param>
    public Batcher(IReadOnlyList<Row> rows, int batchSize, bool shuffle, ulong seed, int padId = 0)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        (_rows, _batchSize, _shuffle, _seed, _padId) = (rows, batchSize, shuffle, seed, padId);
    }

    /// <summary>Micro-batches of an epoch.</summary>
    public int BatchesPerEpoch => (_rows.Count + _batchSize - 1) / _batchSize;

    /// <summary>The batch of a number counted from 0 over all epochs.</summary>
    public Batch BatchAt(long microStep)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microStep);
        var (epoch, index) = Math.DivRem(microStep, BatchesPerEpoch);
        if (_cached?.Epoch != epoch) _cached = (epoch, Order(epoch));
        int first = (int)index * _batchSize;
        return Batch.Of([.. _cached!.Value.Order.Skip(first).Take(_batchSize).Select(i => _rows[i])], _padId);
    }

    /// <summary>The row numbers of an epoch in their order.</summary>
    public int[] Order(long epoch)
    {
        int[] order = [.. Enumerable.Range(0, _rows.Count)];
        if (!_shuffle) return order;
        // An own generator: .NET's Random may change between versions, and a resumed run must not.
        ulong state = Mix(_seed + Mix((ulong)epoch + 1));
        for (int i = order.Length - 1; i > 0; i--)
        {
            state += 0x9E3779B97F4A7C15;
            int j = (int)((UInt128)Mix(state) * (uint)(i + 1) >> 64);
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }

    /// <summary>The finaliser of SplitMix64.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}

using System.Collections;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// Rows of several sources, each as often as its weight says. An epoch has round(weight · rows) rows of a source, at least one: every row as many times as the weight's whole part, and for the rest
/// the next rows of a shuffled order of the source, so that epoch after epoch all of them come. Which they are follows from seed and epoch alone. As a list it is epoch 0.
/// </summary>
public sealed class WeightedRows : IRowList
{
    private readonly IRowList _rows;
    private readonly Part[] _parts;
    private readonly ulong _seed;
    private readonly long _epoch;

    /// <param name="First">Its first row among all.</param>
    /// <param name="Rows">How many it has.</param>
    /// <param name="Count">How many of them an epoch has.</param>
    /// <param name="Start">Where they begin in the epoch.</param>
    private readonly record struct Part(int First, int Rows, int Count, int Start);

    /// <summary>Puts weights on rows that lie source after source.</summary>
    /// <param name="rows">All rows.</param>
    /// <param name="counts">Rows of each source.</param>
    /// <param name="weights">Its weight.</param>
    /// <param name="seed">What the choice follows from.</param>
    /// <exception cref="BadInputException">They come to more rows than can be counted.</exception>
    public WeightedRows(IRowList rows, IReadOnlyList<int> counts, IReadOnlyList<double> weights, ulong seed)
    {
        (_rows, _seed, _parts) = (rows, seed, new Part[counts.Count]);
        int first = 0;
        long start = 0;
        for (int i = 0; i < counts.Count; i++)
        {
            double count = Math.Max(1, Math.Round(weights[i] * counts[i], MidpointRounding.AwayFromZero));
            if (start + count > int.MaxValue)
                throw new BadInputException("an epoch has more rows than can be counted", $"{start + count:0}", "data: weight",
                    $"at most {int.MaxValue}", "Give smaller weights: only their relation counts, with more epochs.");
            _parts[i] = new(first, counts[i], (int)count, (int)start);
            (first, start) = (first + counts[i], start + (int)count);
        }
        Count = (int)start;
    }

    private WeightedRows(WeightedRows other, long epoch) => (_rows, _parts, _seed, Count, _epoch) = (other._rows, other._parts, other._seed, other.Count, epoch);

    /// <summary>The rows of an epoch; as many in each.</summary>
    public WeightedRows ForEpoch(long epoch) => new(this, epoch);

    /// <summary>Rows of each source in an epoch.</summary>
    public IReadOnlyList<int> Counts => [.. _parts.Select(p => p.Count)];

    /// <inheritdoc/>
    public int Count { get; }
    /// <inheritdoc/>
    public Row this[int index] => _rows[Place(index)];
    /// <inheritdoc/>
    public int LengthOf(int index) => _rows.LengthOf(Place(index));

    /// <inheritdoc/>
    public IEnumerator<Row> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int Place(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
        int part = Array.FindLastIndex(_parts, p => p.Start <= index);
        var (first, rows, count, start) = _parts[part];
        int at = index - start, rest = count % rows;
        if (at < count - rest) return first + at % rows;
        long turn = _epoch * rest + (at - (count - rest));
        return first + Shuffled((int)(turn % rows), rows, _seed + (ulong)part + 0x9E3779B97F4A7C15 * (ulong)(turn / rows));
    }

    /// <summary>Where number <paramref name="index"/> of 0 to <paramref name="count"/> - 1 stands in an order that follows from the key: a Feistel network on the next power of four, walked until within the range.</summary>
    private static int Shuffled(int index, int count, ulong key)
    {
        int half = 1;
        while (1L << (2 * half) < count) half++;
        uint mask = (1u << half) - 1, x = (uint)index;
        do
        {
            uint left = x >> half, right = x & mask;
            for (ulong round = 0; round < 4; round++)
                (left, right) = (right, left ^ ((uint)SplitMix.Mix(key ^ (round << 32 | right)) & mask));
            x = left << half | right;
        }
        while (x >= count);
        return (int)x;
    }
}

using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The rows of an epoch in the order in which they come; nothing but seed, epoch and the rows' lengths decides it.</summary>
/// <param name="Rows">Row numbers, each once.</param>
/// <param name="Starts">Where each packed sequence begins in <paramref name="Rows"/>; null: every row is a sequence.</param>
internal sealed record EpochOrder(int[] Rows, int[]? Starts)
{
    /// <summary>Sequences.</summary>
    public int Count => Starts?.Length ?? Rows.Length;

    /// <summary>The row numbers of some neighbouring sequences.</summary>
    public ReadOnlySpan<int> Of(int first, int count)
    {
        int end = Math.Min(first + count, Count);
        return Starts is null ? Rows.AsSpan(first..end) : Rows.AsSpan(Starts[first]..(end < Count ? Starts[end] : Rows.Length));
    }

    /// <summary>An epoch's order.</summary>
    public static EpochOrder Make(IRowList rows, BatchOptions options, long epoch)
    {
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        ulong state = SplitMix.Mix(options.Seed + SplitMix.Mix((ulong)epoch + 1));
        if (options.Shuffle) Shuffle(order, state);
        if (options.PackedLength is { } length) return SequencePacking.Pack(rows, order, length, options.Shuffle ? starts => Shuffle(starts, SplitMix.Mix(state + 1)) : null);
        if (options.LengthGroup > 0) GroupByLength(rows, order, options.LengthGroup);
        return new(order, null);
    }

    // An own generator: .NET's Random may change between versions, and a resumed run must not.
    private static void Shuffle(int[] items, ulong state)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            state += 0x9E3779B97F4A7C15;
            int j = (int)((UInt128)SplitMix.Mix(state) * (uint)(i + 1) >> 64);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>
    /// Transformers' group_by_length: chunks of 50 steps' rows (fewer where there are few rows) are sorted, longest first, and the longest row of all comes first of all,
    /// so that a run that will not fit into memory ends at once.
    /// </summary>
    private static void GroupByLength(IRowList rows, int[] order, int stepRows)
    {
        int chunk = (int)Math.Min((long)stepRows * Math.Clamp(order.Length / ((long)stepRows * 4), 1, 50), order.Length), longest = 0;
        for (int at = 0; at < order.Length; at += chunk)
        {
            var part = order.AsSpan(at, Math.Min(chunk, order.Length - at));
            part.ToArray().OrderByDescending(rows.LengthOf).ToArray().CopyTo(part);
            if (rows.LengthOf(part[0]) > rows.LengthOf(order[longest])) longest = at;
        }
        (order[0], order[longest]) = (order[longest], order[0]);
    }
}

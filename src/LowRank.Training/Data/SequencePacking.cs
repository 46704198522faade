namespace LowRank.Training;

/// <summary>
/// Packs rows into sequences of a fixed length by best fit, longest row first: each goes where it leaves the least space. How many sequences come out follows from the
/// rows' lengths alone and is the same in every epoch; an epoch's order decides which of the rows of one length goes where.
/// </summary>
internal static class SequencePacking
{
    /// <summary>The sequences; those of a run without shuffling in the order of their first rows.</summary>
    /// <param name="rows">Only their lengths are asked for.</param>
    /// <param name="order">Row numbers.</param>
    /// <param name="capacity">Tokens of a sequence; a longer row is a sequence of its own.</param>
    /// <param name="shuffle">Puts the numbers of the sequences into the epoch's order; null: none.</param>
    public static EpochOrder Pack(IRowList rows, int[] order, int capacity, Action<int[]>? shuffle)
    {
        int[] sorted = LongestFirst(rows, order);
        var (sequenceOf, count) = BestFit(rows, sorted, capacity);
        int[] places = Places(sorted, sequenceOf, count, shuffle);

        // A counting sort by place: the rows of a sequence stay longest first.
        int[] starts = new int[count], packed = new int[sorted.Length];
        foreach (int sequence in sequenceOf) if (places[sequence] + 1 < count) starts[places[sequence] + 1]++;
        for (int i = 1; i < count; i++) starts[i] += starts[i - 1];
        int[] next = [.. starts];
        for (int i = 0; i < sorted.Length; i++) packed[next[places[sequenceOf[i]]]++] = sorted[i];
        return new(packed, starts);
    }

    /// <summary>A counting sort by length that leaves rows of one length as they came.</summary>
    private static int[] LongestFirst(IRowList rows, int[] order)
    {
        int longest = order.Max(rows.LengthOf);
        int[] next = new int[longest + 2], sorted = new int[order.Length];
        foreach (int row in order) next[longest - rows.LengthOf(row) + 1]++;
        for (int i = 1; i < next.Length; i++) next[i] += next[i - 1];
        foreach (int row in order) sorted[next[longest - rows.LengthOf(row)]++] = row;
        return sorted;
    }

    /// <summary>The sequence of each row. Sequences with the same space left are a list: its head by space, the next one by sequence.</summary>
    private static (int[] SequenceOf, int Count) BestFit(IRowList rows, int[] sorted, int capacity)
    {
        int[] sequenceOf = new int[sorted.Length], head = new int[capacity + 1];
        List<int> next = [];
        var spaces = new NumberSet(capacity + 1);
        for (int i = 0; i < sorted.Length; i++)
        {
            int length = rows.LengthOf(sorted[i]), left = Math.Max(0, capacity - length), sequence = next.Count;
            if (spaces.NextFrom(length) is { } space)
            {
                (sequence, left) = (head[space], space - length);
                if ((head[space] = next[sequence]) < 0) spaces.Remove(space);
            }
            else next.Add(-1);
            sequenceOf[i] = sequence;
            next[sequence] = spaces.Add(left) ? -1 : head[left];
            head[left] = sequence;
        }
        return (sequenceOf, next.Count);
    }

    /// <summary>Where each sequence comes.</summary>
    private static int[] Places(int[] sorted, int[] sequenceOf, int count, Action<int[]>? shuffle)
    {
        int[] sequences = [.. Enumerable.Range(0, count)];
        if (shuffle is not null) shuffle(sequences);
        else
        {
            int[] first = [.. Enumerable.Repeat(int.MaxValue, count)];
            for (int i = 0; i < sorted.Length; i++) first[sequenceOf[i]] = Math.Min(first[sequenceOf[i]], sorted[i]);
            Array.Sort(first, sequences);
        }
        int[] places = new int[count];
        for (int i = 0; i < count; i++) places[sequences[i]] = i;
        return places;
    }
}

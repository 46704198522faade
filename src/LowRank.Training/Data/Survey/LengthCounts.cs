namespace LowRank.Training;

/// <summary>How many rows have which length.</summary>
public sealed class LengthCounts
{
    private const int MostBins = 20;
    private readonly SortedDictionary<int, long> _counts = [];

    /// <summary>Rows.</summary>
    public long Rows { get; private set; }
    /// <summary>All their tokens.</summary>
    public long Sum { get; private set; }
    /// <summary>The shortest; 0 without rows.</summary>
    public int Least => _counts.Count > 0 ? _counts.First().Key : 0;
    /// <summary>The longest; 0 without rows.</summary>
    public int Most => _counts.Count > 0 ? _counts.Last().Key : 0;
    /// <summary>Tokens of a row.</summary>
    public double Mean => Rows == 0 ? 0 : (double)Sum / Rows;

    /// <summary>Counts a row.</summary>
    internal void Add(int length)
    {
        _counts[length] = _counts.GetValueOrDefault(length) + 1;
        (Rows, Sum) = (Rows + 1, Sum + length);
    }

    /// <summary>The shortest length that this share of the rows, or more, do not exceed.</summary>
    public int Quantile(double share)
    {
        long seen = 0;
        foreach (var (length, count) in _counts)
            if ((seen += count) >= share * Rows) return length;
        return Most;
    }

    /// <summary>The histogram: at most twenty bins of one round width, From to To inclusive.</summary>
    public IReadOnlyList<(int From, int To, long Rows)> Bins()
    {
        if (Rows == 0) return [];
        int width = 1;
        for (int step = 0; Most / width - Least / width >= MostBins; step++) width = (step % 3) switch { 0 => width * 2, 1 => width / 2 * 5, _ => width / 5 * 10 };
        int first = Least / width;
        var bins = new long[Most / width - first + 1];
        foreach (var (length, count) in _counts) bins[length / width - first] += count;
        return [.. bins.Select((rows, i) => ((first + i) * width, (first + i + 1) * width - 1, rows))];
    }
}

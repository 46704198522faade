namespace LowRank.Training;

/// <summary>Held-out rows that are trained on.</summary>
public static class RowOverlap
{
    /// <summary>How many of the held-out rows have the tokens of a training row.</summary>
    public static int Count(IReadOnlyList<Row> training, IReadOnlyList<Row> held)
    {
        ulong[] hashes = [.. held.Select(RowMaker.HashOf)];
        HashSet<ulong> asked = [.. hashes], met = [];
        foreach (var row in training)
            if (RowMaker.HashOf(row) is var hash && asked.Contains(hash)) met.Add(hash);
        return hashes.Count(met.Contains);
    }
}

namespace LowRank.Training;

/// <summary>Rows that need not lie in memory, and how long each is.</summary>
public interface IRowList : IReadOnlyList<Row>
{
    /// <summary>The tokens of row <paramref name="index"/>, without reading it.</summary>
    int LengthOf(int index);
}

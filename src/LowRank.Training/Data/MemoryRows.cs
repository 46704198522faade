using System.Collections;

namespace LowRank.Training;

/// <summary>Rows in memory.</summary>
public sealed class MemoryRows(IReadOnlyList<Row> rows) : IRowList
{
    /// <inheritdoc/>
    public int Count => rows.Count;
    /// <inheritdoc/>
    public Row this[int index] => rows[index];
    /// <inheritdoc/>
    public int LengthOf(int index) => rows[index].InputIds.Length;
    /// <inheritdoc/>
    public IEnumerator<Row> GetEnumerator() => rows.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

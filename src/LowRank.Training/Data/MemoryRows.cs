using System.Collections;

namespace LowRank.Training;

/// <summary>Rows that lie in memory.</summary>
public sealed class MemoryRows(IReadOnlyList<Row> rows) : IRowList
{
    /// <summary>The rows themselves where they know their lengths already.</summary>
    public static IRowList Of(IReadOnlyList<Row> rows) => rows as IRowList ?? new MemoryRows(rows);

    /// <inheritdoc/>
    public int Count => rows.Count;

    /// <inheritdoc/>
    public Row this[int index] => rows[index];

    /// <inheritdoc/>
    public int LengthOf(int index) => rows[index].InputIds.Length;

    /// <inheritdoc/>
    public IEnumerator<Row> GetEnumerator() => rows.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

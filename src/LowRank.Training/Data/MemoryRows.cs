using System.Collections;

namespace LowRank.Training;

/// <summary>Rows that lie in memory.</summary>
public sealed class MemoryRows(IReadOnlyList<Row> rows) : IRowList
{
    /// <summary>The rows themselves where they know their lengths already.</summary>
    public static IRowList Of(IReadOnlyList<Row> rows) => rows as IRowList ?? new MemoryRows(rows);

    private const int RowBytes = 250; // the row's own object, and those of its arrays and texts

    /// <summary>About what the rows take: ids, labels and texts.</summary>
    public long Bytes => rows.Sum(r => RowBytes + 2L * sizeof(int) * r.InputIds.Length
        + sizeof(char) * ((long)(r.Prompt?.Length ?? 0) + (r.Completion?.Length ?? 0) + (r.Place?.Length ?? 0)));

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

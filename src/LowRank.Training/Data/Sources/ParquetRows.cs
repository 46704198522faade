using Apache.Arrow;
using Apache.Arrow.Ipc;
using LowRank.Tensors;
using ParquetSharp;
using ParquetSharp.Arrow;

namespace LowRank.Training;

/// <summary>.parquet, some rows at a time. A column that its reader does not know is left out where the others can be read: a row that
/// needs it says so.</summary>
internal static class ParquetRows
{
    private const int BatchRows = 256, BufferBytes = 1 << 20;

    public static IEnumerable<RawRow> Read(DataFile file)
    {
        using (var stream = file.OpenStored()) StandIn.Refuse(file.Path, stream);
        var json = new RowJson();
        long number = 0;
        for (int[]? columns = null; ;)
        {
            using var reader = TableRows.Guard(file, () => Open(file));
            using var batches = TableRows.Guard(file, () => reader.GetRecordBatchReader(columns: columns));
            long passed = 0;
            while (Next(file, batches, last: columns is not null, out var batch))
                using (batch)
                {
                    if (batch is null) yield break;
                    foreach (var row in TableRows.Of(file, batch, json, passed))
                        if (row.Number > number) yield return row; // else it came before a column had to be left out
                    passed += batch.Length;
                    number = Math.Max(number, passed);
                }
            columns = Readable(file);
        }
    }

    private static FileReader Open(DataFile file)
    {
        using var properties = ReaderProperties.GetDefaultReaderProperties();
        properties.EnableBufferedStream(); // a column's pages as they are needed, not a whole group of rows
        properties.BufferSize = BufferBytes;
        using var arrow = ArrowReaderProperties.GetDefault();
        (arrow.PreBuffer, arrow.UseThreads, arrow.BatchSize) = (false, false, BatchRows);
        return new FileReader(file.Path, properties, arrow);
    }

    /// <summary>The next batch, null at the end; false where a column is of a kind without a reader and it is not the <paramref
    /// name="last"/> try.</summary>
    private static bool Next(DataFile file, IArrowArrayStream batches, bool last, out RecordBatch? batch)
    {
        batch = null;
        bool unknown = false;
        batch = TableRows.Guard(file, () =>
        {
            try { return batches.ReadNextRecordBatchAsync().AsTask().GetAwaiter().GetResult(); }
            catch (Exception e) when (!last && TableRows.IsUnsupported(e))
            {
                unknown = true;
                return null;
            }
        });
        return !unknown;
    }

    /// <summary>The columns, as the file counts them, of the fields that can be read to the end; the others are left out.</summary>
    private static int[] Readable(DataFile file)
    {
        using var reader = TableRows.Guard(file, () => Open(file));
        List<int> columns = [];
        foreach (var field in reader.SchemaManifest.SchemaFields)
        {
            int[] own = [.. Leaves(field)];
            try
            {
                using var batches = reader.GetRecordBatchReader(columns: own);
                while (batches.ReadNextRecordBatchAsync().AsTask().GetAwaiter().GetResult() is { } batch) batch.Dispose();
                columns.AddRange(own);
            }
            catch (Exception e) when (TableRows.IsUnsupported(e)) { file.LeaveOut(field.Field.Name, TableRows.Words(e)); }
        }
        if (columns.Count == 0) throw new BadInputException("the parquet file has no column that can be read", string.Join("; ",
            file.LeftOut.Select(c => $"{c.Key}: {c.Value}")), file.Path);
        return [.. columns];
    }

    private static IEnumerable<int> Leaves(SchemaField field) => field.Children.Count == 0 ? [field.ColumnIndex]
        : field.Children.SelectMany(Leaves);
}

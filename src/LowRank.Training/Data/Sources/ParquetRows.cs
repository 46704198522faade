using LowRank.Tensors;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace LowRank.Training;

/// <summary>.parquet, a group of rows at a time: structs become objects, lists lists, maps objects.</summary>
internal static class ParquetRows
{
    private const long MostValues = 1 << 26, FewValues = 1 << 22; // of a column in one group of rows
    private const int ValuesOfByte = 256; // beyond the few: a column of one repeated value has more, but no column of texts
    private static readonly ParquetOptions Options = new() { MaximumLargePoolFreeBytes = 64 << 20, MaximumSmallPoolFreeBytes = 64 << 20 };

    public static IEnumerable<RawRow> Read(DataFile file)
    {
        using var stream = file.OpenStored();
        var reader = Guard(file, () =>
        {
            ParquetHeaders.CheckFooter(stream);
            return ParquetReader.CreateAsync(stream, Options).GetAwaiter().GetResult();
        });
        var json = new RowJson();
        long number = 0;
        try
        {
            for (int group = 0; group < reader.RowGroupCount; group++)
            {
                Dictionary<string, ParquetLeaf> leaves = [];
                try
                {
                    var (columns, rows) = Guard(file, () => Columns(reader, group, stream, leaves));
                    for (long row = 0; row < rows; row++)
                        yield return new RawRow(file, ++number, Guard(file, () => json.Write(columns, static (writer, all) =>
                        {
                            foreach (var column in all) column.WriteProperty(writer);
                        }), number));
                }
                finally { foreach (var leaf in leaves.Values) leaf.Dispose(); }
            }
        }
        finally { reader.DisposeAsync().AsTask().GetAwaiter().GetResult(); }
    }

    private static (List<ParquetNode> Columns, long Rows) Columns(ParquetReader reader, int group, FileStream stream, Dictionary<string, ParquetLeaf> leaves)
    {
        using var rows = reader.OpenRowGroupReader(group);
        if (reader.Schema.Fields.Count == 0) throw new InvalidDataException("there are no columns");
        foreach (var field in reader.Schema.GetDataFields())
        {
            if (!rows.ColumnExists(field)) throw new InvalidDataException($"the column {field.Path} is missing");
            var meta = rows.GetMetadata(field)?.MetaData ?? throw new InvalidDataException($"the column {field.Path} is not described");
            if (meta.NumValues is < 0 or > MostValues || meta.TotalCompressedSize < 0 || meta.TotalCompressedSize > stream.Length || meta.TotalUncompressedSize is < 0 or > int.MaxValue
                || (meta.NumValues > FewValues && meta.NumValues / ValuesOfByte > meta.TotalUncompressedSize))
                throw new InvalidDataException($"the column {field.Path} claims {meta.NumValues} values in {meta.TotalUncompressedSize} bytes");
            long start = meta.DictionaryPageOffset is > 0 and { } dictionary ? Math.Min(dictionary, meta.DataPageOffset) : meta.DataPageOffset;
            ParquetHeaders.CheckPages(stream, start, meta.TotalCompressedSize, meta.TotalUncompressedSize);
            leaves[field.Path.ToString()] = new ParquetLeaf(field, rows.ReadRawColumnDataBaseAsync(field).GetAwaiter().GetResult(), (int)meta.NumValues);
        }
        return ([.. reader.Schema.Fields.Select(f => ParquetNode.Of(f, leaves))], rows.RowCount);
    }

    /// <summary>The package throws what it likes on damaged files.</summary>
    private static T Guard<T>(DataFile file, Func<T> read, long? row = null)
    {
        try { return read(); }
        catch (Exception e) when (e is not BadInputException)
        {
            throw new BadInputException("the parquet file cannot be read: " + e.Message.Split('\n')[0], place: row is { } n ? file.PlaceOf(n) : file.Path, remedy: "Is it whole? Write it again, or give the rows as .jsonl.", inner: e);
        }
    }
}

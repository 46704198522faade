using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>.arrow and .feather (Arrow IPC, as a file or as a stream), a batch at a time.</summary>
internal static class ArrowRows
{
    public static IEnumerable<RawRow> Read(DataFile file)
    {
        using var stream = file.OpenStored();
        var start = new byte[8];
        int read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (start.AsSpan(0, read).StartsWith("FEA1"u8)) throw new BadInputException("a Feather file of version 1", place: file.Path, expected: "version 2, which is Arrow IPC");
        stream.Position = 0;
        bool asFile = start.AsSpan(0, read).StartsWith("ARROW1"u8);
        CompressionCodecFactory codecs = new();
        using ArrowStreamReader reader = Guard<ArrowStreamReader>(file, () =>
        {
            ArrowHeaders.Check(stream, asFile);
            return asFile ? new ArrowFileReader(stream, Apache.Arrow.Memory.MemoryAllocator.Default.Value, codecs, leaveOpen: true) : new ArrowStreamReader(stream, allocator: null, compressionCodecFactory: codecs, leaveOpen: true);
        });
        var json = new RowJson();
        for (long number = 0; ;)
        {
            using var batch = Guard(file, reader.ReadNextRecordBatch);
            if (batch is null) yield break;
            if (batch.Length > 0 && batch.Arrays.All(a => a is NullArray)) throw new BadInputException("the arrow file has no columns with values", place: file.Path);
            string[] names = [.. batch.Schema.FieldsList.Select(f => f.Name)];
            for (int row = 0; row < batch.Length; row++)
                yield return new RawRow(file, ++number, Guard(file, () => json.Write((batch, names, row), static (writer, at) =>
                {
                    for (int i = 0; i < at.names.Length; i++)
                    {
                        writer.WritePropertyName(at.names[i]);
                        ArrowValues.Write(writer, at.batch.Column(i), at.row);
                    }
                }), number));
        }
    }

    /// <summary>The package throws what it likes on damaged files.</summary>
    private static T Guard<T>(DataFile file, Func<T> read, long? row = null)
    {
        try { return read(); }
        catch (Exception e) when (e is not BadInputException)
        {
            throw new BadInputException("the arrow file cannot be read: " + e.Message.Split('\n')[0], place: row is { } n ? file.PlaceOf(n) : file.Path, remedy: "Is it whole? Write it again, or give the rows as .jsonl.", inner: e);
        }
    }
}

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
        byte[] start = StandIn.Refuse(file.Path, stream);
        if (start.AsSpan().StartsWith("FEA1"u8))
            throw new BadInputException("a Feather file of version 1", place: file.Path, expected: "version 2, which is Arrow IPC");
        bool asFile = start.AsSpan().StartsWith("ARROW1"u8);
        CompressionCodecFactory codecs = new();
        using ArrowStreamReader reader = TableRows.Guard<ArrowStreamReader>(file, () =>
        {
            ArrowHeaders.Check(stream, asFile);
            return asFile ? new ArrowFileReader(stream, Apache.Arrow.Memory.MemoryAllocator.Default.Value, codecs, leaveOpen: true) : new ArrowStreamReader(stream, allocator: null, compressionCodecFactory: codecs, leaveOpen: true);
        });
        var json = new RowJson();
        for (long number = 0; ;)
        {
            using var batch = TableRows.Guard(file, reader.ReadNextRecordBatch);
            if (batch is null) yield break;
            foreach (var row in TableRows.Of(file, batch, json, number)) yield return row;
            number += batch.Length;
        }
    }
}

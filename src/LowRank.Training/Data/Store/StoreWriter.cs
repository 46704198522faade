using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>Writes rows into a folder as they come: `rows.bin` (rows one after the other), `index.bin` (where each begins and its tokens) and at last `info.json`, without which a folder is no store.</summary>
internal sealed class StoreWriter : IDisposable
{
    internal const string RowsFile = "rows.bin", IndexFile = "index.bin", InfoFile = "info.json";
    internal const int Entry = sizeof(long) + sizeof(int);

    private readonly string _folder;
    private readonly FileStream _rows, _index;
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private long _at;

    /// <summary>Begins in an existing empty folder.</summary>
    public StoreWriter(string folder)
    {
        _folder = folder;
        _rows = new FileStream(Path.Combine(folder, RowsFile), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
        _index = new FileStream(Path.Combine(folder, IndexFile), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
    }

    /// <summary>Appends a row.</summary>
    public void Add(Row row)
    {
        _buffer.ResetWrittenCount();
        RowCodec.Write(_buffer, row);
        _rows.Write(_buffer.WrittenSpan);
        Span<byte> entry = stackalloc byte[Entry];
        BinaryPrimitives.WriteInt64LittleEndian(entry, _at);
        BinaryPrimitives.WriteInt32LittleEndian(entry[sizeof(long)..], row.InputIds.Length);
        _index.Write(entry);
        _at += _buffer.WrittenCount;
    }

    /// <summary>Ends the store: the last entry is where the last row ends.</summary>
    /// <param name="counts">Rows of each source.</param>
    /// <param name="tally">What became of the rows.</param>
    public void Finish(IReadOnlyList<int> counts, RowTally tally)
    {
        Span<byte> entry = stackalloc byte[Entry];
        entry.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(entry, _at);
        _index.Write(entry);
        foreach (var stream in (FileStream[])[_rows, _index]) stream.Flush(flushToDisk: true);
        JsonObject info = new() { ["counts"] = new JsonArray([.. counts.Select(c => (JsonNode)c)]), ["tally"] = tally.ToJson(),
            ["bytes"] = _at };
        File.WriteAllText(Path.Combine(_folder, InfoFile), info.ToJsonString());
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _rows.Dispose();
        _index.Dispose();
    }
}

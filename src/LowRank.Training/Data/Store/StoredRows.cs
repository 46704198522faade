using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using Microsoft.Win32.SafeHandles;

namespace LowRank.Training;

/// <summary>
/// Rows in a folder that <see cref="StoreWriter"/> wrote. Each is read when asked for; nothing is held but a piece of the index, whatever their number. Plain reads, no memory map: pages of a map
/// count as the process's memory, and a file cut short by another process would end it.
/// </summary>
public sealed class StoredRows : IRowList, IDisposable
{
    private const int PieceEntries = 4096;

    private readonly SafeFileHandle _rows, _index;
    private readonly IDisposable? _temporary;
    private readonly Lock _lock = new();
    private readonly byte[] _piece = new byte[(PieceEntries + 1) * StoreWriter.Entry];
    private int _pieceNumber = -1;

    private StoredRows(string folder, IReadOnlyList<int> counts, RowTally tally, IDisposable? temporary)
    {
        (Counts, Tally, _temporary) = (counts, tally, temporary);
        Count = checked(counts.Sum());
        _rows = Open(Path.Combine(folder, StoreWriter.RowsFile));
        _index = Open(Path.Combine(folder, StoreWriter.IndexFile));
    }

    /// <summary>Rows of each source.</summary>
    public IReadOnlyList<int> Counts { get; }
    /// <summary>What became of the rows when they were read.</summary>
    public RowTally Tally { get; }
    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>Opens a finished store; null where there is none or it is damaged.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="temporary">What goes when this is disposed, the folder with it; null: it stays.</param>
    public static StoredRows? TryOpen(string folder, IDisposable? temporary = null)
    {
        try
        {
            var info = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, StoreWriter.InfoFile)))!;
            List<int> counts = [.. info["counts"]!.AsArray().Select(c => (int)c!)];
            bool whole = new FileInfo(Path.Combine(folder, StoreWriter.RowsFile)).Length == (long)info["bytes"]!
                && new FileInfo(Path.Combine(folder, StoreWriter.IndexFile)).Length == (counts.Sum(c => (long)c) + 1) * StoreWriter.Entry;
            return whole ? new StoredRows(folder, counts, RowTally.FromJson(info["tally"]!), temporary) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or NullReferenceException or FormatException) { return null; }
    }

    /// <summary>Whether it goes with this object.</summary>
    internal bool IsTemporary => _temporary is not null;

    /// <summary>Whether a folder holds a finished store.</summary>
    internal static bool IsWhole(string folder)
    {
        using var store = TryOpen(folder);
        return store is not null;
    }

    /// <inheritdoc/>
    public Row this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
            var (start, _, end) = EntryOf(index);
            if (end < start || end - start > int.MaxValue) throw new BadInputException("the index of the tokenised data is damaged", $"row {index}", TokenCache.Folder, remedy: "Delete that folder, or give data_cache: off; the rows are then made anew.");
            int length = (int)(end - start);
            byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
            try
            {
                Fill(_rows, bytes.AsSpan(0, length), start);
                return RowCodec.Read(bytes.AsSpan(0, length));
            }
            catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or ArgumentException)
            {
                throw new BadInputException("a row of the tokenised data is damaged", $"row {index}", TokenCache.Folder, remedy: "Delete that folder, or give data_cache: off; the rows are then made anew.", inner: e);
            }
            finally { ArrayPool<byte>.Shared.Return(bytes); }
        }
    }

    /// <inheritdoc/>
    public int LengthOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
        return EntryOf(index).Length;
    }

    /// <inheritdoc/>
    public IEnumerator<Row> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Closes the files; a temporary store is deleted.</summary>
    public void Dispose()
    {
        _rows.Dispose();
        _index.Dispose();
        _temporary?.Dispose();
    }

    private (long Start, int Length, long End) EntryOf(int index)
    {
        var (piece, at) = Math.DivRem(index, PieceEntries);
        lock (_lock)
        {
            if (piece != _pieceNumber)
            {
                int entries = Math.Min(PieceEntries + 1, Count + 1 - piece * PieceEntries);
                _pieceNumber = -1;
                Fill(_index, _piece.AsSpan(0, entries * StoreWriter.Entry), (long)piece * PieceEntries * StoreWriter.Entry);
                _pieceNumber = piece;
            }
            var entry = _piece.AsSpan(at * StoreWriter.Entry);
            return (BinaryPrimitives.ReadInt64LittleEndian(entry), BinaryPrimitives.ReadInt32LittleEndian(entry[sizeof(long)..]), BinaryPrimitives.ReadInt64LittleEndian(entry[StoreWriter.Entry..]));
        }
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);

    private static void Fill(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(file, bytes, offset);
            if (read == 0) throw new BadInputException("the tokenised data were cut short while in use", remedy: "Start again; the cache makes them anew.");
            bytes = bytes[read..];
            offset += read;
        }
    }
}

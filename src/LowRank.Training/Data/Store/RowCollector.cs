using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Takes rows as they are made: in memory while they are few, then in a folder.</summary>
internal sealed class RowCollector(int sources, bool toFolder) : IDisposable
{
    private const long MemoryTokens = 16 << 20; // 128 MiB of ids and labels

    private readonly int[] _counts = new int[sources];
    private List<Row>? _rows = toFolder ? null : [];
    private StoreWriter? _writer;
    private OutputPlace? _place;
    private string _folder = "";
    private long _tokens;

    /// <summary>Adds a row of a source.</summary>
    public void Add(int source, Row row)
    {
        _counts[source]++;
        _tokens += row.InputIds.Length;
        if (_rows is not null && _tokens <= MemoryTokens) _rows.Add(row);
        else Guard(() =>
        {
            Spill();
            _writer!.Add(row);
        });
    }

    /// <summary>What became of the rows; whoever reads them counts.</summary>
    public RowTally Tally { get; } = new();

    /// <summary>The rows, those of each source, and what became of them; a folder goes into the cache under <paramref name="key"/>, or
    /// lives as long as the process where that is null.</summary>
    public (IRowList Rows, IReadOnlyList<int> Counts, RowTally Tally) Finish(string? key)
    {
        if (_rows is not null && _writer is null) return (new MemoryRows(_rows), _counts, Tally);
        Guard(() => _writer!.Finish(_counts, Tally));
        _writer!.Dispose();
        var place = _place!;
        _place = null;
        var stored = key is not null ? TokenCache.Keep(place, _folder, key) : StoredRows.TryOpen(_folder, place) ?? throw TokenCache.Unwritable(new IOException("the store is gone"));
        if (stored.IsTemporary) AppDomain.CurrentDomain.ProcessExit += (_, _) => stored.Dispose();
        return (stored, _counts, Tally);
    }

    /// <summary>Removes what was not finished.</summary>
    public void Dispose()
    {
        _writer?.Dispose();
        _place?.Dispose();
    }

    private void Spill()
    {
        if (_writer is not null) return;
        _place = TokenCache.Begin();
        Directory.CreateDirectory(_folder = _place.Scratch());
        _writer = new StoreWriter(_folder);
        foreach (var row in _rows ?? []) _writer.Add(row);
        _rows = null;
    }

    private static void Guard(Action write)
    {
        try { write(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw TokenCache.Unwritable(e); }
    }
}

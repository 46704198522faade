namespace LowRank.Training;

/// <summary>The kinds of data file by their endings, one row each.</summary>
/// <param name="Read">The rows.</param>
/// <param name="Lines">Whether a row's place is a line; else its number.</param>
/// <param name="Seeks">Whether reading jumps about, which a compressed stream cannot.</param>
internal sealed record FileKind(Func<DataFile, IEnumerable<RawRow>> Read, bool Lines = true, bool Seeks = false)
{
    private static readonly FileKind JsonLinesKind = new(JsonLines.Read), ArrowKind = new(ArrowRows.Read, Lines: false, Seeks: true);

    /// <summary>Ending -> kind.</summary>
    public static readonly Dictionary<string, FileKind> Table = new()
    {
        [".jsonl"] = JsonLinesKind, [".ndjson"] = JsonLinesKind, [".json"] = new(JsonList.Read),
        [".csv"] = new(f => DelimitedLines.Read(f, (byte)',')), [".tsv"] = new(f => DelimitedLines.Read(f, (byte)'\t')),
        [".txt"] = new(TextLines.Read),
        [".parquet"] = new(ParquetRows.Read, Lines: false, Seeks: true),
        [".arrow"] = ArrowKind, [".feather"] = ArrowKind,
    };

    /// <summary>All endings, for messages.</summary>
    public static string Names => string.Join(" ", Table.Keys) + "; those of lines and lists also with .gz or .zst behind";

    /// <summary>The longest row that is read, in bytes: beyond it a file is more likely broken, and memory must have a bound.</summary>
    public const int LongestRow = 64 << 20;
}

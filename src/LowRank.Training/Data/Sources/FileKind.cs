namespace LowRank.Training;

/// <summary>The kinds of data file by their endings, one row each.</summary>
/// <param name="Family">The endings that one set of data may mix, named by one of them.</param>
/// <param name="Read">The rows.</param>
/// <param name="Lines">Whether a row's place is a line; else its number.</param>
/// <param name="Seeks">Whether reading jumps about, which a compressed stream cannot.</param>
internal sealed record FileKind(string Family, Func<DataFile, IEnumerable<RawRow>> Read, bool Lines = true, bool Seeks = false)
{
    private static readonly FileKind JsonLinesKind = new(".json", f => JsonRows.Read(f, lines: true)),
        ArrowKind = new(".arrow", ArrowRows.Read, Lines: false, Seeks: true);

    /// <summary>Ending -> kind.</summary>
    public static readonly Dictionary<string, FileKind> Table = new()
    {
        [".jsonl"] = JsonLinesKind, [".ndjson"] = JsonLinesKind, [".jsonlines"] = JsonLinesKind,
        [".json"] = new(".json", f => JsonRows.Read(f, lines: false)),
        [".csv"] = new(".csv", f => DelimitedLines.Read(f, (byte)',')), [".tsv"] = new(".csv", f => DelimitedLines.Read(f, (byte)'\t')),
        [".txt"] = new(".txt", TextLines.Read),
        [".parquet"] = new(".parquet", ParquetRows.Read, Lines: false, Seeks: true),
        [".arrow"] = ArrowKind, [".feather"] = ArrowKind,
    };

    /// <summary>All endings, for messages.</summary>
    public static string Names => string.Join(" ", Table.Keys) + "; those of lines and lists also with .gz or .zst behind";

    /// <summary>The longest row that is read, in bytes: beyond it a file is more likely broken, and memory must have a bound.</summary>
    public const int LongestRow = 64 << 20;
}

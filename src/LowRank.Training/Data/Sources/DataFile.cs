using System.Globalization;
using System.IO.Compression;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A file of rows: its kind by its name, and its bytes, decompressed on the way.</summary>
internal sealed class DataFile
{
    private readonly FileKind _kind;
    private readonly string _compression;
    private readonly Dictionary<string, string> _leftOut = [];

    /// <summary>Looks at the name only.</summary>
    /// <exception cref="BadInputException">A kind that is not read.</exception>
    public DataFile(string path)
    {
        Path = path;
        if (Directory.Exists(path)) throw new BadInputException("a folder where a data file was expected", place: path);
        (Ending, _compression) = Endings(path);
        _kind = FileKind.Table.GetValueOrDefault(Ending) ?? throw new BadInputException("a data file of a kind that is not read", Ending,
            path, FileKind.Names, NearNames.Sentence(Ending, FileKind.Table.Keys));
        if (_compression.Length > 0 && _kind.Seeks)
            throw new BadInputException($"a compressed {Ending} file", _compression, path, $"{Ending} as it is",
                "Files of this kind are compressed inside; decompress the outside.");
    }

    private static readonly Dictionary<string, Func<Stream, Stream>> Compressions = new()
    {
        [".gz"] = Gunzip, [".zst"] = s => new ZstdSharp.DecompressionStream(s),
    };

    private static GZipStream Gunzip(Stream stream)
    {
        AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true); // else a file cut short looks like one that ends
        return new GZipStream(stream, CompressionMode.Decompress);
    }

    /// <summary>The file, as given.</summary>
    public string Path { get; }
    /// <summary>What its name ends in, compression aside, such as ".jsonl".</summary>
    public string Ending { get; }
    /// <summary>The kind that its ending belongs to, such as ".json" for all of JSON.</summary>
    public string Family => _kind.Family;
    /// <summary>Columns that were left out so far, and why.</summary>
    public IReadOnlyDictionary<string, string> LeftOut => _leftOut;

    /// <summary>Notes a column that has values which cannot be given; rows that need it say why they lack it.</summary>
    public void LeaveOut(string column, string why) => _leftOut.TryAdd(column, why);

    /// <summary>What is to be said about columns that were left out of some files.</summary>
    public static IEnumerable<string> LeftOutNotes(IEnumerable<DataFile> files)
        => files.SelectMany(f => f._leftOut.Select(c => (f.Path, c.Key, c.Value))).GroupBy(c => (c.Key, c.Value))
            .Select(g => $"{g.First().Path}: values of the column {g.Key.Key} are left out: {g.Key.Value}{(g.Count() > 1 ? $"; so in {g.Count() - 1} more files" : "")}");

    /// <summary>Whether a name ends as a data file's does.</summary>
    public static bool IsKnown(string path) => FileKind.Table.ContainsKey(Endings(path).Ending);

    /// <summary>A file's path without what says how it is compressed.</summary>
    public static string Uncompressed(string path) => path[..^Endings(path).Compression.Length];

    private static (string Ending, string Compression) Endings(string path)
    {
        string ending = System.IO.Path.GetExtension(path).ToLowerInvariant();
        return Compressions.ContainsKey(ending) ? (System.IO.Path.GetExtension(path[..^ending.Length]).ToLowerInvariant(), ending)
            : (ending, "");
    }

    /// <summary>Where a row stands.</summary>
    public string PlaceOf(long number) => string.Create(CultureInfo.InvariantCulture, $"{Path}:{(_kind.Lines ? "" : "row ")}{number}");

    /// <summary>The rows, one after the other, in constant memory.</summary>
    /// <exception cref="BadInputException">The file cannot be read any further.</exception>
    public IEnumerable<RawRow> Rows() => _kind.Read(this);

    /// <summary>The file's bytes; every error of reading or decompressing them is a <see cref="BadInputException"/>.</summary>
    public Stream Open()
    {
        var file = OpenStored();
        return new GuardedStream(_compression.Length == 0 ? file : Compressions[_compression](file), Path);
    }

    /// <summary>The bytes as they are stored.</summary>
    /// <exception cref="BadInputException">There is no such file, it cannot be read, or it is a pipe, socket or device: data are read more
    /// than once.</exception>
    public FileStream OpenStored()
    {
        try
        {
            if (FileType.OtherThanFile(Path) is { } other)
                throw new BadInputException($"{other} where a data file was expected", place: Path,
                    expected: "a file: data are read more than once, first for their digest",
                    remedy: "Write the rows into a file and name that.");
            return new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(e is FileNotFoundException or DirectoryNotFoundException ? "the data file does not exist"
                : "the data file cannot be read: " + e.Message, place: Path, inner: e);
        }
    }

    /// <summary>A file itself, or the files of a folder that are meant.</summary>
    public static IReadOnlyList<DataFile> Of(string path) => Of(new DataSource(path));

    /// <summary>The same of a source; held-out rows are of another split than training's.</summary>
    public static IReadOnlyList<DataFile> Of(DataSource source)
        => Directory.Exists(source.Path) ? [.. DataFolder.List(source.Path, source.HeldOut).Files.Select(f => new DataFile(f))]
            : [new DataFile(source.Path)];
}

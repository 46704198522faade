using System.Globalization;
using System.IO.Compression;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A file of rows: its kind by its name, and its bytes, decompressed on the way.</summary>
internal sealed class DataFile
{
    private readonly FileKind _kind;
    private readonly string _compression = "";

    /// <summary>Looks at the name only.</summary>
    /// <exception cref="BadInputException">A kind that is not read.</exception>
    public DataFile(string path)
    {
        Path = path;
        if (Directory.Exists(path)) throw new BadInputException("a folder where a data file was expected", place: path);
        string name = path, ending = System.IO.Path.GetExtension(name).ToLowerInvariant();
        if (Compressions.ContainsKey(ending))
        {
            (_compression, name) = (ending, name[..^ending.Length]);
            ending = System.IO.Path.GetExtension(name).ToLowerInvariant();
        }
        _kind = FileKind.Table.GetValueOrDefault(ending) ?? throw new BadInputException("a data file of a kind that is not read", ending, path, FileKind.Names, NearNames.Sentence(ending, FileKind.Table.Keys));
        if (_compression.Length > 0 && _kind.Seeks)
            throw new BadInputException($"a compressed {ending} file", _compression, path, $"{ending} as it is", "Files of this kind are compressed inside; decompress the outside.");
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

    /// <summary>Whether a name ends as a data file's does.</summary>
    public static bool IsKnown(string path)
    {
        string ending = System.IO.Path.GetExtension(path).ToLowerInvariant();
        return FileKind.Table.ContainsKey(Compressions.ContainsKey(ending) ? System.IO.Path.GetExtension(path[..^ending.Length]).ToLowerInvariant() : ending);
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
    public FileStream OpenStored()
    {
        try { return new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(e is FileNotFoundException or DirectoryNotFoundException ? "the data file does not exist" : "the data file cannot be read: " + e.Message, place: Path, inner: e);
        }
    }

    /// <summary>A file itself, or all data files of a folder and the folders in it, in the order of their names' code units.</summary>
    public static IReadOnlyList<DataFile> Of(string path)
    {
        if (!Directory.Exists(path)) return [new DataFile(path)];
        EnumerationOptions options = new() { RecurseSubdirectories = true, MaxRecursionDepth = 8, AttributesToSkip = FileAttributes.Hidden };
        try
        {
            List<string> names = [.. Directory.EnumerateFiles(path, "*", options).Where(f => IsKnown(f) && !Companions.Contains(System.IO.Path.GetFileName(f))).Order(StringComparer.Ordinal)];
            return names.Count > 0 ? [.. names.Select(n => new DataFile(n))] : throw new BadInputException("the folder holds no data files", place: path, expected: FileKind.Names);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the data folder cannot be read: " + e.Message, place: path, inner: e);
        }
    }

    // What the datasets library writes beside its .arrow files.
    private static readonly HashSet<string> Companions = ["dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json"];
}

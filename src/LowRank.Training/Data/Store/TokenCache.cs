using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// The folder of tokenised data: one folder a key, and the key is a hash of everything that the rows follow from. A store is written aside and put into its place when whole, so that two processes that
/// make the same one both end with a whole one. Only what is marked as ours is ever deleted there. The least recently used go when all of them are over the limit. LOWRANK_CACHE names another place than the user's cache folder.
/// </summary>
internal static class TokenCache
{
    private const int Version = 2;
    private const long Limit = 64L << 30;

    /// <summary>The folder.</summary>
    public static string Folder { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("LOWRANK_CACHE") is { Length: > 0 } own ? own
            : Path.Combine(Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg
                : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "lowrank"), "tokens");

    /// <summary>The key of rows: of the data's bytes and places, the tokenizer and template, the settings, and the code that makes rows of them.</summary>
    public static string Key(DataOptions options, string fingerprint, string encoder, int vocabularySize)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{Version}\n{fingerprint}\n{encoder}\n{vocabularySize}\n"));
        foreach (var assembly in (System.Reflection.Assembly[])[typeof(TokenCache).Assembly, typeof(Text.Tokenizer).Assembly]) text.Append(assembly.ManifestModule.ModuleVersionId).Append('\n');
        foreach (var source in options.Sources)
            foreach (var file in DataFile.Of(source)) text.Append(file.Path).Append('\n'); // rows know their places
        foreach (var (key, theirs) in options.Columns.OrderBy(c => c.Key, StringComparer.Ordinal)) text.Append(key).Append('=').Append(theirs).Append('\n');
        foreach (string key in options.Ignored.Names) text.Append("ignored ").Append(key).Append('\n');
        text.Append(string.Create(CultureInfo.InvariantCulture,
            $"{options.Format} {options.MaxLength} {options.TruncateLeft} {options.TrainOnInputs} {options.SkipBadRows} {options.Date:O} {options.Positions}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..40];
    }

    /// <summary>The store of a key, if it is there and whole.</summary>
    public static StoredRows? Find(string key)
    {
        string folder = Path.Combine(Folder, key);
        var rows = StoredRows.TryOpen(folder);
        if (rows is not null)
            try { File.SetLastWriteTimeUtc(Path.Combine(folder, StoreWriter.InfoFile), DateTime.UtcNow); } // the time of its last use
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        return rows;
    }

    /// <summary>A place beside the stores, to write one into its scratch.</summary>
    /// <exception cref="BadInputException">The cache folder cannot be written.</exception>
    public static OutputPlace Begin()
    {
        try { return OutputPlace.Claim(Path.Combine(Folder, "new-" + Guid.NewGuid().ToString("N")[..12]), OutputKind.Tokens); }
        catch (BadInputException e) { throw Unwritable(e.InnerException ?? e); }
    }

    /// <summary>Puts a finished store into its place; where another process was first, that one's is taken. Where something else stands there, the store lives as long as <paramref name="place"/>.</summary>
    public static StoredRows Keep(OutputPlace place, string written, string key)
    {
        string folder = Path.Combine(Folder, key);
        if (StoredRows.TryOpen(folder) is { } before)
        {
            place.Dispose();
            return before;
        }
        try
        {
            AtomicFile.DeleteFolder(folder, damaged: true);
            AtomicFile.PutFolder(written, folder, OutputKind.Tokens);
        }
        catch (BadInputException) when (StoredRows.IsWhole(folder) || StoredRows.IsWhole(written)) { } // another was first, or something else stands there
        Prune(folder);
        if (StoredRows.TryOpen(folder) is not { } kept) return StoredRows.TryOpen(written, place) ?? throw Unwritable(new IOException("a store that was just written is gone"));
        place.Dispose();
        return kept;
    }

    /// <summary>An error of writing the cache.</summary>
    public static BadInputException Unwritable(Exception e)
        => new("the tokenised data cannot be written: " + e.Message.TrimEnd('.'), place: Folder, remedy: "Free some space, or name another folder in the environment variable LOWRANK_CACHE.", inner: e);

    /// <summary>Removes what killed processes left, then the least recently used stores until the rest is within the limit.</summary>
    private static void Prune(string keep)
    {
        try
        {
            OutputPlace.CleanUp(Folder);
            List<(string Folder, DateTime Used, long Bytes)> all = [.. new DirectoryInfo(Folder).EnumerateDirectories().Where(d => FolderMarker.KindOf(d.FullName) == OutputKind.Tokens.Name)
                .Select(d => (d.FullName, new FileInfo(Path.Combine(d.FullName, StoreWriter.InfoFile)).LastWriteTimeUtc, d.EnumerateFiles().Sum(f => f.Length)))];
            long total = all.Sum(s => s.Bytes);
            foreach (var (folder, _, bytes) in all.OrderBy(s => s.Used))
                if (total > Limit && folder != Path.GetFullPath(keep) && AtomicFile.DeleteFolder(folder, damaged: true)) total -= bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BadInputException) { } // another process was pruning as well
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// The folder of tokenised data: one folder a key, and the key is a hash of everything that the rows follow from. A store is written under another name and renamed when whole, so that two processes that
/// make the same one both end with a whole one. The least recently used go when all of them are over the limit. LOWRANK_CACHE names another place than the user's cache folder.
/// </summary>
internal static class TokenCache
{
    private const int Version = 2;
    private const long Limit = 64L << 30;
    private static readonly TimeSpan Abandoned = TimeSpan.FromDays(2);

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
        foreach (string key in options.Ignored.Order(StringComparer.Ordinal)) text.Append("ignored ").Append(key).Append('\n');
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

    /// <summary>A new folder beside the stores, to write one into.</summary>
    /// <exception cref="BadInputException">The cache folder cannot be written.</exception>
    public static string Begin()
    {
        string folder = Path.Combine(Folder, "new.tmp-" + Guid.NewGuid().ToString("N")[..12]);
        try { Directory.CreateDirectory(folder); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw Unwritable(e); }
        return folder;
    }

    /// <summary>Puts a finished store into its place; where another process was first, that one's stays and this one goes.</summary>
    public static StoredRows Keep(string written, string key)
    {
        string folder = Path.Combine(Folder, key);
        for (int attempt = 0; ; attempt++)
            try
            {
                Directory.Move(written, folder);
                break;
            }
            catch (IOException e)
            {
                if (StoredRows.TryOpen(folder) is { } other)
                {
                    Remove(written);
                    return other;
                }
                if (attempt > 0) throw Unwritable(e);
                Remove(folder); // damaged
            }
        Prune(folder);
        return StoredRows.TryOpen(folder) ?? throw Unwritable(new IOException("a store that was just written is gone"));
    }

    /// <summary>Deletes a store, as far as that is possible.</summary>
    public static void Remove(string folder)
    {
        try { if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    /// <summary>An error of writing the cache.</summary>
    public static BadInputException Unwritable(Exception e)
        => new("the tokenised data cannot be written: " + e.Message, place: Folder, remedy: "Free some space, or name another folder in the environment variable LOWRANK_CACHE.", inner: e);

    /// <summary>Removes what killed processes left, then the least recently used stores until the rest is within the limit.</summary>
    private static void Prune(string keep)
    {
        try
        {
            List<(string Folder, DateTime Used, long Bytes)> all = [.. new DirectoryInfo(Folder).EnumerateDirectories().Select(d => (d.FullName,
                new FileInfo(Path.Combine(d.FullName, StoreWriter.InfoFile)) is { Exists: true } info ? info.LastWriteTimeUtc : d.LastWriteTimeUtc, d.EnumerateFiles().Sum(f => f.Length)))];
            long total = all.Sum(s => s.Bytes);
            foreach (var (folder, used, bytes) in all.OrderBy(s => s.Used))
            {
                bool leftover = folder.Contains(".tmp-", StringComparison.Ordinal);
                if (folder == Path.GetFullPath(keep) || !(leftover ? used < DateTime.UtcNow - Abandoned : total > Limit)) continue;
                Remove(folder);
                total -= bytes;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // another process was pruning as well
    }
}

using System.Collections.Concurrent;
using System.Security.Cryptography;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The SHA-256 of files' bytes. Within a process a file that has neither grown nor been written is read once.</summary>
internal static class FileDigest
{
    private static readonly ConcurrentDictionary<(string Path, long Length, DateTime Written), string> Known = [];

    /// <summary>Lower-case hexadecimal, as `sha256sum` and model hubs show it.</summary>
    /// <exception cref="BadInputException">The file cannot be read.</exception>
    public static string Of(string path)
    {
        try
        {
            var info = new FileInfo(path);
            var key = (info.FullName, info.Length, info.LastWriteTimeUtc);
            if (Known.TryGetValue(key, out string? known)) return known;
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
            return Known[key] = Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the file cannot be read: " + e.Message, place: path, inner: e);
        }
    }
}

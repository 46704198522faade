using System.Security.Cryptography;

namespace LowRank.TestKit;

/// <summary>What lies below a folder, to be compared with later.</summary>
public static class FolderContent
{
    /// <summary>Every entry by its path: of a file when it was written, and a hash of its bytes; of a folder nothing.</summary>
    public static Dictionary<string, string> Of(string folder) => Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(e => Path.GetRelativePath(folder, e),
            e => File.Exists(e) ? $"{File.GetLastWriteTimeUtc(e):O} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(e)))}" : "");
}

namespace LowRank.Tensors;

/// <summary>What a folder holds, sorted by name.</summary>
public static class FolderList
{
    /// <summary>The paths of its files.</summary>
    /// <exception cref="BadInputException">It cannot be read.</exception>
    public static string[] Files(string folder, string pattern = "*") => Sorted(folder, f => Directory.EnumerateFiles(f, pattern));

    /// <summary>The names of its files.</summary>
    /// <exception cref="BadInputException">It cannot be read.</exception>
    public static string[] FileNames(string folder) => [.. Files(folder).Select(f => Path.GetFileName(f)!)];

    /// <summary>The paths of the folders in it.</summary>
    /// <exception cref="BadInputException">It cannot be read.</exception>
    public static string[] Folders(string folder) => Sorted(folder, Directory.EnumerateDirectories);

    private static string[] Sorted(string folder, Func<string, IEnumerable<string>> entries)
    {
        ArgumentNullException.ThrowIfNull(folder);
        try { return [.. entries(folder).Order(StringComparer.Ordinal)]; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the folder cannot be read: " + e.Message.TrimEnd('.'), place: folder, inner: e);
        }
    }
}

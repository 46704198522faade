namespace LowRank.Tensors;

/// <summary>Paths as the system sees them: links followed, so that two names of one place are known as one.</summary>
public static class RealPath
{
    private const int MostLinks = 40; // as Linux counts

    private static readonly StringComparison Comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal
        : StringComparison.OrdinalIgnoreCase;

    /// <summary>The absolute path with every link in it followed; parts that do not exist stay as they are.</summary>
    /// <exception cref="BadInputException">The links lead round in a circle.</exception>
    public static string Of(string path)
    {
        // `..` by name, as all of .NET opens files
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), at = Path.GetPathRoot(full)!;
        Stack<string> rest = new(Parts(full[at.Length..]));
        for (int links = 0; rest.TryPop(out string? name);)
        {
            string next = name == ".." ? Path.GetDirectoryName(at) ?? at : Path.Combine(at, name);
            if (name is "." || Target(next) is not { } target)
            {
                if (name is not ".") at = next;
                continue;
            }
            if (++links > MostLinks) throw new BadInputException("the links of this path lead round in a circle", place: path);
            if (Path.IsPathRooted(target)) at = Path.GetPathRoot(target)!;
            foreach (string part in Parts(Path.IsPathRooted(target) ? target[at.Length..] : target)) rest.Push(part);
        }
        return at;
    }

    /// <summary>Whether two real paths are one place: by name, or by the system's number of the file, as of two hard links.</summary>
    public static bool Same(string a, string b)
        => string.Equals(a, b, Comparison) || (FileSystem.IdentityOf(a) is { } one && one == FileSystem.IdentityOf(b));

    /// <summary>Whether a real path lies below a folder, or is it.</summary>
    public static bool IsAtOrBelow(string path, string folder)
    {
        if (IsNamedBelow(path, folder)) return true;
        if (FileSystem.IdentityOf(folder) is not { } wanted) return false;
        // another name of the folder: a bind mount, a file system without case
        for (string? at = path; at is not null; at = Path.GetDirectoryName(at))
            if (FileSystem.IdentityOf(at) == wanted) return true;
        return false;
    }

    /// <summary>The same by name only.</summary>
    public static bool IsNamedBelow(string path, string folder)
        => path.StartsWith(folder, Comparison) && (path.Length == folder.Length || Path.EndsInDirectorySeparator(folder)
            || path[folder.Length] == Path.DirectorySeparatorChar);

    private static IEnumerable<string> Parts(string path)
        => path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Reverse();

    private static string? Target(string path)
    {
        try { return new FileInfo(path).LinkTarget; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }
}

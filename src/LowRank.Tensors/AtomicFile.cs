namespace LowRank.Tensors;

/// <summary>Files and folders that are whole or absent: written under another name beside their place, flushed, then renamed.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file through <paramref name="write"/>; an existing one is replaced in one step.</summary>
    /// <exception cref="BadInputException">The place cannot be written or the disk is full; what stood there is untouched.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string temporary = path + ".tmp-" + Guid.NewGuid().ToString("N")[..8];
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent) Directory.CreateDirectory(parent);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }
        finally { if (File.Exists(temporary)) File.Delete(temporary); }
    }

    /// <summary>Writes a text file (UTF-8, no mark).</summary>
    public static void WriteText(string path, string text) => Write(path, s => s.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Fills a folder through <paramref name="fill"/>, which gets the path of a temporary folder beside it, then renames it into place.</summary>
    /// <param name="path">The folder to make; its last part must not exist unless <paramref name="replace"/>.</param>
    /// <param name="fill">Writes the content.</param>
    /// <param name="replace">Whether an existing folder is replaced.</param>
    /// <exception cref="BadInputException">It exists and may not be replaced, or cannot be written.</exception>
    public static void WriteFolder(string path, Action<string> fill, bool replace = false)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseExisting(path, replace);
        string temporary = path + ".tmp-" + Guid.NewGuid().ToString("N")[..8];
        try
        {
            Directory.CreateDirectory(temporary);
            fill(temporary);
            string? old = Directory.Exists(path) ? path + ".old-" + Guid.NewGuid().ToString("N")[..8] : null;
            if (old is not null) Directory.Move(path, old);
            else if (File.Exists(path)) File.Delete(path);
            try { Directory.Move(temporary, path); }
            catch when (old is not null) { Directory.Move(old, path); throw; }
            if (old is not null) Directory.Delete(old, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }
        finally { if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true); }
    }

    /// <summary>Throws where an output already exists and may not be replaced.</summary>
    public static void RefuseExisting(string path, bool replace)
    {
        if (replace) return;
        if (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any()))
            throw new BadInputException("the output already exists", place: path, remedy: "Choose another place, or give --force to replace it.");
    }

    private static BadInputException Unwritable(string path, Exception e)
        => new("the output cannot be written: " + e.Message, place: path, remedy: "Free some space or choose another place; nothing was left half-written.", inner: e);
}

namespace LowRank.Tensors;

/// <summary>Where may be written, and what may be replaced: only what LowRank wrote, never what is read, nor the working folder.</summary>
internal static class OutputRules
{
    private const string Remedy = "Choose another place.";

    /// <summary>Throws where writing would hit something that is read: the same file or folder, one that holds it, or a place in
    /// it.</summary>
    public static void CheckSources(string path, string place, IEnumerable<OutputSource> sources)
    {
        foreach (var source in sources)
        {
            string read = RealPath.Of(source.Path);
            if (RealPath.Same(place, read))
                throw new BadInputException($"the output is the {(Directory.Exists(read) ? "folder" : "file")} that is read", path,
                    expected: $"a place other than {source.What}", remedy: Remedy);
            if (RealPath.IsAtOrBelow(read, place)) throw new BadInputException($"the output holds {source.What}, which is read",
                source.Path, path, remedy: Remedy);
            if (Directory.Exists(read) && RealPath.IsAtOrBelow(place, read))
                throw new BadInputException($"the output lies in the folder of {source.What}, which is read", source.Path, path,
                    remedy: "Choose a place outside of it.");
        }
    }

    /// <summary>Throws where something stands that may not be replaced.</summary>
    /// <param name="path">The place as it was given.</param>
    /// <param name="place">With links followed.</param>
    /// <param name="kind">What is to be written.</param>
    /// <param name="replace">Whether what LowRank wrote there, or a plain file, may be replaced.</param>
    /// <param name="since">As for <see cref="FolderMarker.Check"/>.</param>
    /// <param name="work">The work folder, which does not count.</param>
    public static void CheckExisting(string path, string place, OutputKind kind, bool replace, DateTime? since = null, string? work = null)
    {
        bool file = File.Exists(place), folder = Directory.Exists(place);
        if (!file && !folder)
        {
            if (new FileInfo(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))).LinkTarget is { } target)
                throw new BadInputException("the output is a link that leads nowhere", target, path,
                    remedy: "Make what it leads to, or choose another place.");
            return;
        }
        string there = file ? "file" : "folder", wanted = kind.IsFolder ? "folder" : "file";
        if (there != wanted) throw new BadInputException($"a {there} stands where the {wanted} would be", place: path, remedy: Remedy);
        if (file)
        {
            if (FileType.OtherThanFile(place) is { } other)
                throw new BadInputException("what stands there is no plain file", other, path, remedy: Remedy);
            if (!replace) throw Exists(path, null);
            return;
        }
        if (IsEmpty(place, work)) return;
        string? reason = WhyNot(place, replace ? since : DateTime.MaxValue, work);
        if (!replace) throw Exists(path, reason);
        if (reason is not null) throw new BadInputException("the folder is not replaced: " + reason, place: path,
            remedy: "Delete or move it yourself if it is not needed, or choose another place.");
    }

    /// <summary>Whether a folder holds nothing, the work folder aside.</summary>
    public static bool IsEmpty(string folder, string? work) => Directory.EnumerateFileSystemEntries(folder).All(e => e == work);

    private static string? WhyNot(string place, DateTime? since, string? work)
    {
        if (RealPath.IsAtOrBelow(RealPath.Of(Environment.CurrentDirectory), place)) return "it is the working folder, or holds it";
        if (FileSystem.IsMountPoint(place)) return "it is a mount point, which cannot be exchanged for another folder";
        var state = FolderMarker.Check(place, since, work);
        return !state.Marked ? $"LowRank did not write it, or an earlier version did that left no {FolderMarker.FileName} in it"
            : state.Foreign.Count > 0 ? $"it holds what LowRank did not write ({NameList.Of(state.Foreign)})"
            : state.Changed.Count > 0 ? $"it was changed since LowRank wrote it ({NameList.Of(state.Changed)})" : null;
    }

    /// <summary>The error that something stands there.</summary>
    public static BadInputException Exists(string path, string? reason)
        => new("the output already exists" + (reason is null ? "" : "; " + reason), place: path,
            remedy: reason is null ? "Choose another place, or give --force to replace it." : Remedy);
}

using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>Files and folders that are whole or absent: written aside, flushed, then put into their place in one step. Nothing that
/// LowRank did not write is replaced or deleted.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file through <paramref name="write"/>; an existing one is replaced in one step, through a link the file that it
    /// leads to.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="grows">Whether lines are going to be added at its end, as to a log.</param>
    /// <exception cref="BadInputException">The place cannot be written, the disk is full or another process writes there; what stood
    /// there is untouched.</exception>
    public static void Write(string path, Action<Stream> write, bool grows = false) => Guarded(path, place =>
    {
        if (WorkFolder.IsBeingFilled(place))
        {
            WriteNew(place, write, FileMode.Create);
            return;
        }
        using var work = new Entered(place, OutputKind.File);
        OutputRules.CheckExisting(path, place, OutputKind.File, replace: true);
        string made = work.Folder.Free();
        try
        {
            WriteNew(made, write);
            string parent = Path.GetDirectoryName(place)!;
            Directory.CreateDirectory(parent);
            if (MarkerAround(place) is { } marked)
                Mark(work.Folder, marked, FolderMarker.WithFile(marked, Named(marked, place), made, grows));
            if (work.Folder.Keep is { } kept && work.Folder.Place == place) Keep(place, kept, work.Folder);
            FileSystem.Rename(made, place);
            FileSystem.FlushFolder(parent);
        }
        finally { FileSystem.DeleteFile(made); }
    });

    /// <summary>Writes a text file (UTF-8, no mark).</summary>
    public static void WriteText(string path, string text, bool grows = false)
        => Write(path, s => s.Write(System.Text.Encoding.UTF8.GetBytes(text)), grows);

    /// <summary>Fills a folder through <paramref name="fill"/>, which gets the path of a folder that nobody sees yet, marks it and puts
    /// it into its place.</summary>
    /// <param name="path">The folder to make; it must not exist, or be empty, unless <paramref name="replace"/>.</param>
    /// <param name="fill">Writes the content.</param>
    /// <param name="replace">Whether an existing folder is replaced, if it holds nothing but what LowRank wrote.</param>
    /// <param name="kind">What it is.</param>
    /// <exception cref="BadInputException">It exists and may not be replaced, cannot be written, or another process writes
    /// there.</exception>
    public static void WriteFolder(string path, Action<string> fill, bool replace = false, OutputKind? kind = null)
        => Guarded(path, place =>
    {
        kind ??= OutputKind.Folder;
        if (WorkFolder.IsBeingFilled(place))
        {
            OutputRules.CheckExisting(path, place, kind, replace: false);
            Fill(place, fill, kind);
            return;
        }
        if (!WorkFolder.IsThere(place)) OutputRules.CheckExisting(path, place, kind, replace, DateTime.MaxValue);
        using var work = new Entered(place, kind);
        var now = DateTime.UtcNow.AddSeconds(-2); // clocks of file systems are coarse
        OutputRules.CheckExisting(path, place, kind, replace, work: work.Folder.Path);
        string made = work.Folder.Free();
        try
        {
            Fill(made, fill, kind);
            OutputRules.CheckExisting(path, place, kind, replace, now, work.Folder.Path); // it may have changed meanwhile
            if (MarkerAround(place) is { } marked && FolderMarker.WithFolder(marked, Named(marked, place)) is { } noted)
                Mark(work.Folder, marked, noted);
            Publish(made, place, work.Folder, path, replace);
        }
        catch (BadInputException e) when (e.Place is { } unseen && RealPath.IsNamedBelow(unseen, made)) // as the user knows it
        {
            throw e.At(path + unseen[made.Length..]);
        }
        finally { work.Folder.Discard(made); }
    });

    /// <summary>Marks a finished folder that lies in <see cref="OutputPlace.Scratch"/> and puts it into its place, where nothing stands
    /// yet.</summary>
    /// <exception cref="BadInputException">Something stands there, or another process writes there; the finished folder stays where it
    /// is.</exception>
    public static void PutFolder(string made, string path, OutputKind kind) => Guarded(path, place =>
    {
        using var work = new Entered(place, kind);
        OutputRules.CheckExisting(path, place, kind, replace: false, work: work.Folder.Path);
        FolderMarker.Seal(made, kind);
        Publish(made, place, work.Folder, path, replace: false);
    });

    /// <summary>Notes a file that lines were added to, as it is now, in the marker of the folder around it, where this process has that
    /// folder.</summary>
    public static void NoteGrown(string path) => Guarded(path, place =>
    {
        using var work = new Entered(place, OutputKind.File);
        if (MarkerAround(place) is { } marked)
            Mark(work.Folder, marked, FolderMarker.WithFile(marked, Named(marked, place), place, grows: true));
    });

    /// <summary>Notes something in the marker of a folder that this process has.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="key">The note's name.</param>
    /// <param name="value">What is noted; null: the note goes.</param>
    public static void WriteNote(string path, string key, JsonNode? value) => Guarded(path, place =>
    {
        using var work = new Entered(place, OutputKind.Folder);
        if (!JsonNode.DeepEquals(FolderMarker.NoteOf(place, key), value)) Mark(work.Folder, place, FolderMarker.WithNote(place, key, value));
    });

    /// <summary>Deletes a folder that LowRank wrote; one that holds anything else stays.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="damaged">Whether files of it that are not as they were written go as well: for what can be made again.</param>
    /// <returns>Whether it is gone.</returns>
    public static bool DeleteFolder(string path, bool damaged = false)
    {
        bool gone = false;
        Guarded(path, place =>
        {
            using var work = new Entered(place, OutputKind.Folder);
            var state = FolderMarker.Check(place, damaged ? DateTime.MaxValue : null);
            if (!state.IsOwn && !(damaged && state is { Marked: true, Foreign.Count: 0 })) return;
            gone = true;
            string away = work.Folder.Free();
            FileSystem.Rename(place, away); // in one step: half a folder is never seen
            if (MarkerAround(place) is { } marked) Mark(work.Folder, marked, FolderMarker.WithoutFolder(marked, Named(marked, place)));
            FileSystem.DeleteTree(away);
        });
        return gone;
    }

    /// <summary>Moves a folder, whatever it holds, to a free place on the same disk.</summary>
    public static void MoveFolder(string from, string to) => Guarded(to, place =>
    {
        using var work = new Entered(place, OutputKind.Folder);
        OutputRules.CheckExisting(to, place, OutputKind.Folder, replace: false);
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        FileSystem.Rename(RealPath.Of(from), place);
    });

    /// <summary>Throws where an output exists that may not be replaced.</summary>
    public static void RefuseExisting(string path, bool replace, OutputKind kind)
        => OutputRules.CheckExisting(path, RealPath.Of(path), kind, replace);

    internal static BadInputException Unwritable(string path, Exception e)
        => new("the output cannot be written: " + WorkFolder.Hidden(e.Message, path).TrimEnd('.'), place: path,
            remedy: (IsFull(e) ? "Free some space or choose another place" : "Choose a place that can be written")
                + "; nothing was left half-written.", inner: e);

    // ENOSPC and EDQUOT, and what Windows calls them.
    private static bool IsFull(Exception e) => e.HResult is 28 or 122 or unchecked((int)0x80070070) or unchecked((int)0x80070027);

    private static void Guarded(string path, Action<string> act)
    {
        try { act(RealPath.Of(path)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw Unwritable(path, e); }
    }

    private static void WriteNew(string path, Action<Stream> write, FileMode mode = FileMode.CreateNew)
    {
        if (Path.GetDirectoryName(path) is { } parent) Directory.CreateDirectory(parent);
        using var stream = new FileStream(path, mode, FileAccess.Write, FileShare.None, 1 << 16);
        write(stream);
        stream.Flush(flushToDisk: true);
    }

    // A copy: at no moment is nothing there.
    private static void Keep(string place, string kept, WorkFolder work)
    {
        string copy = work.Free();
        try
        {
            using (var old = File.OpenRead(place)) WriteNew(copy, old.CopyTo);
            FileSystem.Rename(copy, kept);
            work.Keep = null;
        }
        finally { FileSystem.DeleteFile(copy); }
    }

    private static void Fill(string folder, Action<string> fill, OutputKind kind)
    {
        Directory.CreateDirectory(folder);
        fill(folder);
        FolderMarker.Seal(folder, kind);
    }

    /// <summary>Puts a finished folder into its place, unless something was put there meanwhile that may not be replaced.</summary>
    internal static void Publish(string made, string place, WorkFolder work, string path, bool replace)
    {
        string parent = Path.GetDirectoryName(place) ?? place;
        if (!Directory.Exists(place))
        {
            Directory.CreateDirectory(parent);
            FileSystem.Rename(made, place);
        }
        else if (OutputRules.IsEmpty(place, work.Path))
        {
            if (FileSystem.IsMountPoint(place) || RealPath.IsNamedBelow(work.Path, place)
                || RealPath.Same(place, RealPath.Of(Environment.CurrentDirectory))) work.Spread(made, place);
            else FileSystem.Rename(made, place);
        }
        else if (!replace) throw OutputRules.Exists(path, null);
        else if (RealPath.IsNamedBelow(work.Path, place))
            throw new IOException("the folder above it may not be written, so it cannot be exchanged for another");
        else if (!FileSystem.Exchange(made, place)) work.Swap(made, place);
        FileSystem.FlushFolder(parent);
    }

    /// <summary>The marked folder that a path's own entry belongs to, among those in places that this process has.</summary>
    private static string? MarkerAround(string path)
    {
        for (string? at = Path.GetDirectoryName(path); at is not null && WorkFolder.IsHeldHere(at); at = Path.GetDirectoryName(at))
            if (FolderMarker.Read(at) is not null) return at;
        return null;
    }

    private static void Mark(WorkFolder work, string folder, byte[] marker)
    {
        string made = work.Free();
        try
        {
            WriteNew(made, s => s.Write(marker));
            FileSystem.Rename(made, Path.Combine(folder, FolderMarker.FileName));
            FileSystem.FlushFolder(folder);
        }
        finally { FileSystem.DeleteFile(made); }
    }

    private static string Named(string folder, string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    private readonly struct Entered(string place, OutputKind kind) : IDisposable
    {
        public WorkFolder Folder { get; } = WorkFolder.EnterAround(place, kind);

        public void Dispose() => Folder.Leave();
    }
}

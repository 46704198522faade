using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>
/// The folder `.NAME.lowrank` beside a place that is being written (in it, where it is a mount point or the folder above is not ours to write): what is not finished lies in it, and a locked file that no
/// other process gets before this one ends. What a killed process left in it is put back or cleaned away by the next one that writes there. Within a process it is shared.
/// </summary>
internal sealed class WorkFolder
{
    private const string LockFile = "lock", Holder = "holder.new", Journal = "journal.json", Ending = ".lowrank";
    private const int Attempts = 6, Races = 100;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, WorkFolder> Held = [];
    private static readonly DateTime Started = System.Diagnostics.Process.GetCurrentProcess().StartTime.ToUniversalTime();

    private readonly FileStream _lock;
    private readonly IReadOnlyList<string> _made;
    private int _users = 1, _count;

    private WorkFolder(string place, string path, FileStream held, IReadOnlyList<string> made) => (Place, Path, _lock, _made) = (place, path, held, made);

    /// <summary>The place, with links followed.</summary>
    public string Place { get; }
    /// <summary>The work folder.</summary>
    public string Path { get; }

    /// <summary>Takes the place, or shares it where this process has it.</summary>
    /// <exception cref="BadInputException">Another process has it, or it cannot be written.</exception>
    public static WorkFolder Enter(string place, OutputKind kind)
    {
        lock (Gate)
        {
            if (Held.TryGetValue(place, out var shared))
            {
                shared._users++;
                return shared;
            }
            RefuseHeldAround(place);
            List<string> made = [];
            try
            {
                string parent = System.IO.Path.GetDirectoryName(place) ?? place;
                for (string? at = parent; at is not null && !Directory.Exists(at); at = System.IO.Path.GetDirectoryName(at)) made.Add(at);
                Directory.CreateDirectory(parent);
                string path = Choose(place);
                WorkFolder work = new(place, path, Acquire(path, place), made);
                Held[place] = work;
                try { work.Begin(kind); }
                catch
                {
                    work.Leave();
                    throw;
                }
                return work;
            }
            catch
            {
                foreach (string folder in made) FileSystem.DeleteEmpty(folder);
                throw;
            }
        }
    }

    /// <summary>The innermost place around a path that this process has, shared; else the path itself, taken.</summary>
    public static WorkFolder EnterAround(string path, OutputKind kind)
    {
        lock (Gate)
        {
            if (Held.Values.Where(w => RealPath.IsNamedBelow(path, w.Place)).MaxBy(w => w.Place.Length) is not { } around) return Enter(path, kind);
            around._users++;
            return around;
        }
    }

    /// <summary>Whether a path lies in a folder that is being filled, which nobody sees yet.</summary>
    public static bool IsBeingFilled(string path)
    {
        lock (Gate) return Held.Values.Any(w => RealPath.IsNamedBelow(path, w.Path));
    }

    /// <summary>Whether a path is a place that this process has, or lies in one.</summary>
    public static bool IsHeldHere(string path)
    {
        lock (Gate) return Held.Values.Any(w => RealPath.IsNamedBelow(path, w.Place));
    }

    /// <summary>Whether something that a killed process left waits beside a place (or a process works there).</summary>
    public static bool IsThere(string place) => Directory.Exists(Beside(place)) || Directory.Exists(Inside(place));

    /// <summary>The places in a folder beside which there is a work folder, of this process or another, living or not.</summary>
    public static IReadOnlyList<string> PlacesIn(string folder)
        => [.. Directory.EnumerateDirectories(folder, ".*" + Ending).Where(d => HolderOf(d) is not null).Select(d => System.IO.Path.Combine(folder, System.IO.Path.GetFileName(d)[1..^Ending.Length]))];

    /// <summary>A free path in it.</summary>
    public string Free() => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"new-{Interlocked.Increment(ref _count)}"));

    /// <summary>Puts a finished folder in the place of a whole one in two steps, written down before, where the file system has no exchange.</summary>
    public void Swap(string made, string target)
    {
        string old = Free();
        WriteJournal(new JsonObject { ["do"] = "swap", ["target"] = Named(target), ["new"] = System.IO.Path.GetFileName(made), ["old"] = System.IO.Path.GetFileName(old) });
        FileSystem.Rename(target, old);
        FollowJournal();
        FileSystem.DeleteTree(old);
    }

    /// <summary>Moves what a finished folder holds into an existing empty one that nothing can be put in the place of; the marker last.</summary>
    public void Spread(string made, string target)
    {
        WriteJournal(new JsonObject { ["do"] = "spread", ["target"] = Named(target), ["new"] = System.IO.Path.GetFileName(made) });
        FollowJournal();
    }

    /// <summary>Gives the place up, and with its last user the lock.</summary>
    public void Leave()
    {
        lock (Gate)
        {
            if (--_users > 0) return;
            Held.Remove(Place);
            try
            {
                Clear();
                FileSystem.DeleteFile(System.IO.Path.Combine(Path, FolderMarker.FileName));
                FileSystem.DeleteFile(System.IO.Path.Combine(Path, LockFile)); // last: who opened it before sees that it is not the file of that name any more
                FileSystem.DeleteEmpty(Path);
                foreach (string folder in _made) FileSystem.DeleteEmpty(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // the next one cleans it away
            finally { _lock.Dispose(); }
        }
    }

    private void Begin(OutputKind kind)
    {
        if (HolderOf(Path) is { } last && IsAlive(last)) throw Busy(Place, Path); // the file system grants locks that it does not keep
        FollowJournal();
        Clear();
        JsonObject holder = new()
        {
            ["lowrank"] = "work", ["kind"] = "work", ["writes"] = kind.Name, ["process"] = Environment.ProcessId, ["host"] = Environment.MachineName,
            ["since"] = Text(DateTime.UtcNow), ["started"] = Text(Started), ["files"] = new JsonObject(), ["folders"] = new JsonArray(),
        };
        PutInside(Holder, FolderMarker.FileName, holder, flush: false); // of no use after the machine's fall
    }

    private void Clear()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(Path).ToList())
            if (System.IO.Path.GetFileName(entry) is not (LockFile or FolderMarker.FileName)) FileSystem.DeleteTree(entry);
    }

    private void WriteJournal(JsonObject entry) => PutInside("journal.new", Journal, entry, flush: true);

    /// <summary>Does what is written down, from whatever point a kill left it at.</summary>
    private void FollowJournal()
    {
        string journal = System.IO.Path.Combine(Path, Journal);
        if (!File.Exists(journal)) return;
        var entry = JsonNode.Parse(File.ReadAllText(journal))!;
        string At(string key) => System.IO.Path.Combine(Path, (string)entry[key]!);
        string target = System.IO.Path.GetFullPath((string)entry["target"]!, Path), made = At("new");
        if ((string?)entry["do"] == "swap")
        {
            if (!Directory.Exists(target)) FileSystem.Rename(Directory.Exists(made) ? made : At("old"), target);
        }
        else if (Directory.Exists(made))
            foreach (string name in Directory.EnumerateFileSystemEntries(made).Select(e => System.IO.Path.GetFileName(e)!).OrderBy(n => n == FolderMarker.FileName).ToList())
                FileSystem.Rename(System.IO.Path.Combine(made, name), System.IO.Path.Combine(target, name));
        FileSystem.FlushFolder(target);
        FileSystem.DeleteFile(journal);
    }

    private void PutInside(string aside, string name, JsonObject content, bool flush)
    {
        string temporary = System.IO.Path.Combine(Path, aside);
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write(Encoding.UTF8.GetBytes(content.ToJsonString()));
            stream.Flush(flush);
        }
        FileSystem.Rename(temporary, System.IO.Path.Combine(Path, name));
        if (flush) FileSystem.FlushFolder(Path);
    }

    private string Named(string target) => System.IO.Path.GetRelativePath(Path, target); // so that it holds where all of it was moved elsewhere

    private static string Beside(string place)
    {
        string name = System.IO.Path.GetFileName(place);
        if (name.Length == 0) return Inside(place); // the root
        if (Encoding.UTF8.GetByteCount(name) > 240) name = name[..40] + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..20];
        return System.IO.Path.Combine(System.IO.Path.GetDirectoryName(place)!, $".{name}{Ending}");
    }

    private static string Inside(string place) => System.IO.Path.Combine(place, ".work" + Ending);

    // In the place itself where it is a folder that nothing can be moved over, or that stands where we may not write.
    private static string Choose(string place)
    {
        string beside = Beside(place);
        if (!Directory.Exists(place)) return beside;
        if (FileSystem.IsMountPoint(place)) return Inside(place);
        try { Directory.CreateDirectory(beside); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !File.Exists(beside)) { return Inside(place); }
        return beside;
    }

    private static FileStream Acquire(string path, string place)
    {
        if (!IsOwn(path)) throw new BadInputException("a folder stands where the unfinished output would be", path, place, remedy: "Move it elsewhere, or choose another place.");
        string file = System.IO.Path.Combine(path, LockFile);
        for (int busy = 0, races = 0; ;)
        {
            Directory.CreateDirectory(path);
            FileStream held;
            try { held = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1); }
            catch (DirectoryNotFoundException) when (++races < Races) { continue; } // the one before has just cleaned up
            catch (IOException e) when (IsShared(e))
            {
                if (++busy == Attempts) throw Busy(place, path);
                Thread.Sleep(20); // perhaps another process only looks
                continue;
            }
            // Between our opening and our lock the one before may have deleted the file: then there is another by that name, or none.
            File.SetLastWriteTimeUtc(held.SafeFileHandle, new DateTime(Random.Shared.NextInt64(DateTime.UnixEpoch.Ticks, DateTime.UtcNow.Ticks), DateTimeKind.Utc));
            if (File.GetLastWriteTimeUtc(held.SafeFileHandle) == File.GetLastWriteTimeUtc(file)) return held;
            held.Dispose();
            if (++races == Races) throw Busy(place, path);
        }
    }

    private static void RefuseHeldAround(string place)
    {
        for (string? at = System.IO.Path.GetDirectoryName(place); at is not null; at = System.IO.Path.GetDirectoryName(at))
            if (!Held.ContainsKey(at) && (IsHeld(Beside(at)) ? Beside(at) : IsHeld(Inside(at)) ? Inside(at) : null) is { } work) throw Busy(at, work);
    }

    private static bool IsHeld(string work)
    {
        string file = System.IO.Path.Combine(work, LockFile);
        if (!File.Exists(file) || HolderOf(work) is null) return false;
        try { new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1).Dispose(); }
        catch (IOException e) { return IsShared(e); }
        catch (UnauthorizedAccessException) { }
        return false;
    }

    private static bool IsShared(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020); // EAGAIN on Linux, on macOS; Windows' sharing violation

    // Nothing in it (a kill may come before the first file), only what comes before the marker, or the marker.
    private static bool IsOwn(string path)
    {
        try
        {
            return !Directory.Exists(path) || HolderOf(path) is not null
                || Directory.EnumerateFileSystemEntries(path).All(e => System.IO.Path.GetFileName(e) is LockFile or Holder or FolderMarker.FileName);
        }
        catch (DirectoryNotFoundException) { return true; } // the one before has just cleaned up
    }

    private static JsonObject? HolderOf(string path) => FolderMarker.Read(path) is { } marker && (string?)marker["kind"] == "work" ? marker : null;

    private static bool IsAlive(JsonObject holder)
    {
        if ((string?)holder["host"] != Environment.MachineName || (int?)holder["process"] is not { } id || id == Environment.ProcessId) return false;
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(id);
            return Math.Abs((process.StartTime.ToUniversalTime() - DateTime.Parse((string)holder["started"]!, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind)).TotalSeconds) < 2;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException or System.ComponentModel.Win32Exception) { return false; }
    }

    private static BadInputException Busy(string place, string work)
        => HolderOf(work) is { } holder
            ? new("another process is writing there", $"process {holder["process"]} on {holder["host"]}, since {holder["since"]}: a {holder["writes"]}", place, remedy: "Wait until it has ended, or choose another place.")
            : new("another process is about to write there", place: place, remedy: "Wait until it has ended, or choose another place.");

    private static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LowRank.Tensors;

/// <summary>
/// The folder `.NAME.lowrank` beside a place that is being written (in it, where it is a mount point or the folder above is not ours to
/// write): what is not finished lies in it, and a locked file that no
/// other process gets before this one ends. What a killed process left in it is put back or cleaned away by the next one that writes
/// there. Within a process it is shared.
/// </summary>
internal sealed class WorkFolder
{
    private const string Journal = "journal.json", Ending = ".lowrank";

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, WorkFolder> Held = [];
    private static readonly DateTime Started = System.Diagnostics.Process.GetCurrentProcess().StartTime.ToUniversalTime();

    private readonly FileStream _lock;
    private readonly IReadOnlyList<string> _made;
    private int _users = 1, _count;

    private WorkFolder(string place, string path, FileStream held, IReadOnlyList<string> made)
        => (Place, Path, _lock, _made) = (place, path, held, made);

    /// <summary>The place, with links followed.</summary>
    public string Place { get; }
    /// <summary>The work folder.</summary>
    public string Path { get; }
    /// <summary>Where a file that stands at the place is kept when it is replaced; null: it goes.</summary>
    public string? Keep { get; set; }

    /// <summary>A system's message without the names of what is not finished: it names what the user does.</summary>
    public static string Hidden(string message, string path)
        => Regex.Replace(message, @"'[^']*" + Regex.Escape(Ending) + @"[/\\][^']*'", m => $"'{path}'");

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
                WorkFolder work = new(place, path, WorkLock.Take(path, place), made);
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
            var around = Held.Values.Where(w => RealPath.IsNamedBelow(path, w.Place)).MaxBy(w => w.Place.Length);
            if (around is null) return Enter(path, kind);
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
        => [.. Directory.EnumerateDirectories(folder, ".*" + Ending).Where(d => WorkLock.HolderOf(d) is not null)
            .Select(d => System.IO.Path.Combine(folder, System.IO.Path.GetFileName(d)[1..^Ending.Length]))];

    /// <summary>A free path in it.</summary>
    public string Free() => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture,
        $"new-{Interlocked.Increment(ref _count)}"));

    /// <summary>Puts a finished folder in the place of a whole one in two steps, written down before, where the file system has no
    /// exchange.</summary>
    public void Swap(string made, string target)
    {
        string old = Free();
        WriteJournal(new JsonObject { ["do"] = "swap", ["target"] = Named(target), ["new"] = System.IO.Path.GetFileName(made),
            ["old"] = System.IO.Path.GetFileName(old) });
        OrBack(() =>
        {
            FileSystem.Rename(target, old);
            FollowJournal();
        }, [(old, target)]);
        FileSystem.DeleteTree(old);
    }

    /// <summary>Moves what a finished folder holds into an existing empty one that nothing can be put in the place of; the marker
    /// last.</summary>
    public void Spread(string made, string target)
    {
        List<(string, string)> moves = [.. Directory.EnumerateFileSystemEntries(made)
            .Select(e => (System.IO.Path.Combine(target, System.IO.Path.GetFileName(e)), e))];
        WriteJournal(new JsonObject { ["do"] = "spread", ["target"] = Named(target), ["new"] = System.IO.Path.GetFileName(made) });
        OrBack(FollowJournal, moves);
    }

    /// <summary>Deletes what was not put into its place, unless it is written down that it is going to be.</summary>
    public void Discard(string made)
    {
        if (Directory.Exists(made) && !File.Exists(System.IO.Path.Combine(Path, Journal))) FileSystem.DeleteTree(made);
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
                if (File.Exists(System.IO.Path.Combine(Path, Journal))) return; // what it names is needed: the next one follows it
                Clear();
                FileSystem.DeleteFile(System.IO.Path.Combine(Path, FolderMarker.FileName));
                // last: who opened it before sees that it is not the file of that name any more
                FileSystem.DeleteFile(System.IO.Path.Combine(Path, WorkLock.FileName));
                FileSystem.DeleteEmpty(Path);
                foreach (string folder in _made) FileSystem.DeleteEmpty(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // the next one cleans it away
            finally { _lock.Dispose(); }
        }
    }

    private void Begin(OutputKind kind)
    {
        if (WorkLock.HolderOf(Path) is { } last && WorkLock.IsAlive(last)) throw WorkLock.Busy(Place, Path); // the file system grants locks that it does not keep
        FollowJournal();
        Clear();
        JsonObject holder = new()
        {
            ["lowrank"] = "work", ["kind"] = "work", ["writes"] = kind.Name,
            ["process"] = Environment.ProcessId, ["host"] = Environment.MachineName,
            ["since"] = Text(DateTime.UtcNow), ["started"] = Text(Started), ["files"] = new JsonObject(), ["folders"] = new JsonArray(),
        };
        PutInside(WorkLock.UnfinishedHolder, FolderMarker.FileName, holder, flush: false); // of no use after the machine's fall
    }

    private void Clear()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(Path).ToList())
            if (System.IO.Path.GetFileName(entry) is not (WorkLock.FileName or FolderMarker.FileName)) FileSystem.DeleteTree(entry);
    }

    private void WriteJournal(JsonObject entry) => PutInside("journal.new", Journal, entry, flush: true);

    /// <summary>Moves; where that fails, moves back what was moved and forgets what was written down. Where that fails too, it stays
    /// written down.</summary>
    private void OrBack(Action moves, IEnumerable<(string From, string To)> back)
    {
        try { moves(); }
        catch
        {
            foreach (var (from, to) in back)
                if (!System.IO.Path.Exists(to) && System.IO.Path.Exists(from)) FileSystem.Rename(from, to);
            FileSystem.DeleteFile(System.IO.Path.Combine(Path, Journal));
            throw;
        }
    }

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
            foreach (string name in Directory.EnumerateFileSystemEntries(made).Select(e => System.IO.Path.GetFileName(e)!)
                .OrderBy(n => n == FolderMarker.FileName).ToList())
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

    // so that it holds where all of it was moved elsewhere
    private string Named(string target) => System.IO.Path.GetRelativePath(Path, target);

    private static string Beside(string place)
    {
        string name = System.IO.Path.GetFileName(place);
        if (name.Length == 0) return Inside(place); // the root
        if (Encoding.UTF8.GetByteCount(name) > 240) name = name[..40]
            + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..20];
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

    private static void RefuseHeldAround(string place)
    {
        for (string? at = System.IO.Path.GetDirectoryName(place); at is not null; at = System.IO.Path.GetDirectoryName(at))
            if (!Held.ContainsKey(at) && ((string[])[Beside(at), Inside(at)]).FirstOrDefault(WorkLock.IsHeld) is { } work) throw WorkLock.Busy(at, work);
    }

    private static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>Who has a work folder: a locked file in it, and a marker that names the process.</summary>
internal static class WorkLock
{
    /// <summary>The file that is locked.</summary>
    public const string FileName = "lock";
    /// <summary>The marker before it is in its place.</summary>
    public const string UnfinishedHolder = "holder.new";
    private const int Attempts = 6, Races = 100;

    /// <summary>Makes the work folder and locks it; the lock goes with the stream.</summary>
    /// <param name="path">The work folder.</param>
    /// <param name="place">What is written, for errors.</param>
    /// <exception cref="BadInputException">Another process has it, or something else stands there.</exception>
    public static FileStream Take(string path, string place)
    {
        if (!IsOwn(path)) throw new BadInputException("a folder stands where the unfinished output would be", path, place,
            remedy: "Move it elsewhere, or choose another place.");
        string file = Path.Combine(path, FileName);
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
            File.SetLastWriteTimeUtc(held.SafeFileHandle,
                new DateTime(Random.Shared.NextInt64(DateTime.UnixEpoch.Ticks, DateTime.UtcNow.Ticks), DateTimeKind.Utc));
            if (File.GetLastWriteTimeUtc(held.SafeFileHandle) == File.GetLastWriteTimeUtc(file)) return held;
            held.Dispose();
            if (++races == Races) throw Busy(place, path);
        }
    }

    /// <summary>Whether a process has a work folder.</summary>
    public static bool IsHeld(string work)
    {
        string file = Path.Combine(work, FileName);
        if (!File.Exists(file) || HolderOf(work) is null) return false;
        try { new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1).Dispose(); }
        catch (IOException e) { return IsShared(e); }
        catch (UnauthorizedAccessException) { }
        return false;
    }

    // EAGAIN on Linux, on macOS; Windows' sharing violation
    private static bool IsShared(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    // Nothing in it (a kill may come before the first file), only what comes before the marker, or the marker.
    private static bool IsOwn(string path)
    {
        try
        {
            return !Directory.Exists(path) || HolderOf(path) is not null
                || Directory.EnumerateFileSystemEntries(path).All(e =>
                    Path.GetFileName(e) is FileName or UnfinishedHolder or FolderMarker.FileName);
        }
        catch (DirectoryNotFoundException) { return true; } // the one before has just cleaned up
    }

    /// <summary>What a work folder says of the process that has, or had, it; null where it says nothing.</summary>
    public static JsonObject? HolderOf(string path) => FolderMarker.Read(path) is { } marker && (string?)marker["kind"] == "work"
        ? marker : null;

    /// <summary>Whether that process is another one of this machine, and still runs.</summary>
    public static bool IsAlive(JsonObject holder)
    {
        if ((string?)holder["host"] != Environment.MachineName || (int?)holder["process"] is not { } id
            || id == Environment.ProcessId) return false;
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(id);
            var started = DateTime.Parse((string)holder["started"]!, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
            return Math.Abs((process.StartTime.ToUniversalTime() - started).TotalSeconds) < 2;
        }
        catch (Exception e) when (e is SystemException) { return false; } // it has ended, or its start cannot be told
    }

    /// <summary>The error that another process has a place.</summary>
    public static BadInputException Busy(string place, string work)
        => HolderOf(work) is { } holder
            ? new("another process is writing there",
                $"process {holder["process"]} on {holder["host"]}, since {holder["since"]}: a {holder["writes"]}", place,
                remedy: "Wait until it has ended, or choose another place.")
            : new("another process is about to write there", place: place, remedy: "Wait until it has ended, or choose another place.");
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>What a marked folder holds beside what was written into it.</summary>
/// <param name="Marked">Whether LowRank wrote the folder; else nothing further is known.</param>
/// <param name="Foreign">Entries that LowRank did not write.</param>
/// <param name="Changed">Files that differ from what it wrote.</param>
/// <param name="Missing">Files and folders that it wrote and that are gone.</param>
public sealed record FolderState(bool Marked, IReadOnlyList<string> Foreign, IReadOnlyList<string> Changed, IReadOnlyList<string> Missing)
{
    /// <summary>Whether everything in it is LowRank's, as it was written.</summary>
    public bool IsOwn => Marked && Foreign.Count == 0 && Changed.Count == 0;
    /// <summary>Whether, besides, nothing is gone.</summary>
    public bool IsWhole => IsOwn && Missing.Count == 0;
}

/// <summary>
/// The file `.lowrank.json` in a folder that LowRank wrote: what it is, when and by which version it was written, its files with length
/// and SHA-256, and the folders in it that have a marker of their own.
/// Replacing and deleting ask it. PEFT and Transformers pass over it.
/// </summary>
public static class FolderMarker
{
    /// <summary>The file's name.</summary>
    public const string FileName = ".lowrank.json";

    private static readonly string Version = typeof(FolderMarker).Assembly.GetName().Version!.ToString(3);
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 1, NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What a folder is by its marker, such as "run"; null where it has none.</summary>
    public static string? KindOf(string folder) => (string?)Read(folder)?["kind"];

    /// <summary>Compares a folder with its marker.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="since">The bytes of files that were last written before this are taken for what they were; null: all are read.</param>
    /// <param name="except">A path in it that is passed over.</param>
    public static FolderState Check(string folder, DateTime? since = null, string? except = null)
    {
        List<string> foreign = [], changed = [], missing = [];
        if (Read(folder) is not { } marker) return new(false, foreign, changed, missing);
        Compare(new DirectoryInfo(folder), folder, marker, since ?? DateTime.MinValue, except, foreign, changed);
        foreach (var (name, written) in Files(marker))
            if (!File.Exists(Path.Combine(folder, name)) && !Grows(written)) missing.Add(name);
        foreach (string name in Folders(marker))
        {
            string inside = Path.Combine(folder, name);
            if (!Directory.Exists(inside)) missing.Add(name);
            else if (Read(inside) is not null)
            {
                var state = Check(inside, since, except);
                foreign.AddRange(state.Foreign.Select(n => name + "/" + n));
                changed.AddRange(state.Changed.Select(n => name + "/" + n));
                missing.AddRange(state.Missing.Select(n => name + "/" + n));
            }
        }
        return new(true, foreign, changed, missing);
    }

    /// <summary>Whether a file of a marked folder is there and is what LowRank wrote.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The file's path in it, with slashes.</param>
    public static bool IsAsWritten(string folder, string name)
        => new FileInfo(Path.Combine(folder, name)) is { Exists: true, LinkTarget: null } file
            && Read(folder)?["files"]![name] is JsonArray written && written.Any(w => IsAsWritten(file, w, DateTime.MinValue));

    /// <summary>Marks a finished folder: everything in it is noted and flushed to the disk.</summary>
    internal static void Seal(string folder, OutputKind kind)
    {
        JsonObject files = [];
        JsonArray folders = [];
        Collect(new DirectoryInfo(folder), folder, files, folders);
        JsonObject marker = new()
        {
            ["lowrank"] = Version, ["kind"] = kind.Name,
            ["written"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), ["files"] = files, ["folders"] = folders,
        };
        using (var stream = new FileStream(Path.Combine(folder, FileName), FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            stream.Write(Bytes(marker));
            stream.Flush(flushToDisk: true);
        }
        FileSystem.FlushFolder(folder);
    }

    /// <summary>The marker's bytes with a file noted besides: as it is about to be, and as it was noted last, for a kill may come before
    /// it is in its place.</summary>
    /// <param name="folder">A marked folder.</param>
    /// <param name="name">The file's path in it, with slashes.</param>
    /// <param name="content">A file with the content that is to be.</param>
    /// <param name="grows">Whether lines will be added at its end.</param>
    internal static byte[] WithFile(string folder, string name, string content, bool grows)
    {
        var marker = Read(folder)!;
        var files = marker["files"]!.AsObject();
        var noted = Note(content, grows);
        JsonNode?[] before = [.. (files[name] as JsonArray ?? []).TakeLast(1).Select(n => n?.DeepClone())];
        files[name] = new JsonArray([.. before.Where(b => !JsonNode.DeepEquals(b, noted)), noted]);
        return Bytes(marker);
    }

    /// <summary>The marker's bytes with a folder noted besides, or null where it is noted already.</summary>
    internal static byte[]? WithFolder(string folder, string name)
    {
        var marker = Read(folder)!;
        if (Folders(marker).Contains(name)) return null;
        marker["folders"]!.AsArray().Add(name);
        return Bytes(marker);
    }

    /// <summary>The marker's bytes without a folder that is gone.</summary>
    internal static byte[] WithoutFolder(string folder, string name)
    {
        var marker = Read(folder)!;
        marker["folders"] = new JsonArray([.. Folders(marker).Where(f => f != name).Select(f => (JsonNode)f)]);
        return Bytes(marker);
    }

    /// <summary>What is noted in a folder's marker beside its files; null: nothing of that name.</summary>
    public static JsonNode? NoteOf(string folder, string key) => Read(folder)?[key];

    /// <summary>The marker's bytes with such a note, or without (null).</summary>
    internal static byte[] WithNote(string folder, string key, JsonNode? value)
    {
        var marker = Read(folder)!;
        marker.Remove(key);
        if (value is not null) marker[key] = value;
        return Bytes(marker);
    }

    /// <summary>A marker as a tree; null where there is none, or one that is not LowRank's.</summary>
    internal static JsonObject? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            return new FileInfo(path) is { Exists: true, LinkTarget: null } && FileType.OtherThanFile(path) is null
                && JsonNode.Parse(File.ReadAllBytes(path)) is JsonObject tree
                && tree["lowrank"] is JsonValue && tree["kind"] is JsonValue && tree["files"] is JsonObject
                    && tree["folders"] is JsonArray ? tree : null;
        }
        // a key twice is an argument error
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or ArgumentException) { return null; }
    }

    private static IEnumerable<(string Name, JsonArray Written)> Files(JsonObject marker) => marker["files"]!.AsObject()
        .Where(f => f.Value is JsonArray).Select(f => (f.Key, f.Value!.AsArray()));

    private static IEnumerable<string> Folders(JsonObject marker) => marker["folders"]!.AsArray().OfType<JsonValue>()
        .Select(f => f.ToString());

    private static void Collect(DirectoryInfo at, string folder, JsonObject files, JsonArray folders)
    {
        foreach (var entry in at.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            string name = Relative(folder, entry);
            if (entry is FileInfo) files[name] = new JsonArray(Note(entry.FullName, grows: false));
            else if (Read(entry.FullName) is not null) folders.Add(name);
            else
            {
                Collect((DirectoryInfo)entry, folder, files, folders);
                FileSystem.FlushFolder(entry.FullName);
            }
        }
    }

    private static void Compare(DirectoryInfo at, string folder, JsonObject marker, DateTime since, string? except, List<string> foreign,
        List<string> changed)
    {
        foreach (var entry in at.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            string name = Relative(folder, entry);
            if (name == FileName || entry.FullName == except) continue;
            if (entry.LinkTarget is not null) foreign.Add(name);
            else if (entry is FileInfo file)
            {
                if (marker["files"]![name] is not JsonArray written) foreign.Add(name);
                else if (!written.Any(w => IsAsWritten(file, w, since))) changed.Add(name);
            }
            else if (Folders(marker).Contains(name))
            {
                if (Read(entry.FullName) is null) foreign.Add(name); // one with a marker is looked into by the caller
            }
            else if (LeadsTo(name, marker)) Compare((DirectoryInfo)entry, folder, marker, since, except, foreign, changed);
            else foreign.Add(name);
        }
    }

    private static bool LeadsTo(string folder, JsonObject marker)
        => Folders(marker).Concat(Files(marker).Select(f => f.Name)).Any(n => n.StartsWith(folder + "/", StringComparison.Ordinal));

    private static bool IsAsWritten(FileInfo file, JsonNode? written, DateTime since)
    {
        if (written is not JsonObject || written["bytes"] is not JsonValue length || !length.TryGetValue(out long bytes)
            || FileType.OtherThanFile(file.FullName) is not null) return false;
        bool grows = written["grows"] is not null;
        if (grows ? file.Length < bytes : file.Length != bytes) return false;
        if (file.LastWriteTimeUtc < since && !grows) return true;
        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        return Digest(stream, bytes) == (string?)written["sha256"] && (!grows || AreLines(stream));
    }

    // What a run adds to its log: lines of JSON objects, the last one perhaps cut short.
    private static bool AreLines(Stream rest)
    {
        using var reader = new StreamReader(rest);
        string[] lines = reader.ReadToEnd().Split('\n');
        return lines[..^1].All(IsObject) && (lines[^1].Length == 0 || lines[^1][0] == '{');

        static bool IsObject(string line)
        {
            try { return JsonNode.Parse(line) is JsonObject; }
            catch (JsonException) { return false; }
        }
    }

    private static bool Grows(JsonArray written) => written.Any(w => w?["grows"] is not null);

    private static JsonObject Note(string path, bool grows)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        JsonObject note = new() { ["bytes"] = stream.Length, ["sha256"] = Digest(stream, stream.Length) };
        if (grows) note["grows"] = true;
        FileSystem.Flush(stream.SafeFileHandle);
        return note;
    }

    private static string Digest(FileStream stream, long bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = System.Buffers.ArrayPool<byte>.Shared.Rent((int)Math.Clamp(bytes, 1, 1 << 20));
        for (int read; bytes > 0; bytes -= read)
        {
            read = stream.Read(piece, 0, (int)Math.Min(bytes, piece.Length));
            if (read == 0) break;
            hash.AppendData(piece, 0, read);
        }
        System.Buffers.ArrayPool<byte>.Shared.Return(piece);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Relative(string folder, FileSystemInfo entry)
        => Path.GetRelativePath(folder, entry.FullName).Replace(Path.DirectorySeparatorChar, '/');

    private static byte[] Bytes(JsonObject marker) => JsonSerializer.SerializeToUtf8Bytes((JsonNode)marker, Indented);
}

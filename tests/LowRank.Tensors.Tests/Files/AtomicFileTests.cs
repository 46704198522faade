namespace LowRank.Tensors.Tests;

public class AtomicFileTests
{
    private const string Marker = FolderMarker.FileName;

    [Fact]
    public void A_file_is_replaced_whole_and_its_folders_are_made()
    {
        string folder = Paths.Temporary(), path = Path.Combine(folder, "a", "b", "x.txt");
        AtomicFile.WriteText(path, "first, longer");
        AtomicFile.WriteText(path, "ß");
        Assert.Equal([0xc3, 0x9f], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void An_error_while_writing_leaves_what_stood_there()
    {
        string folder = Paths.Temporary(), path = Path.Combine(folder, "x.txt");
        AtomicFile.WriteText(path, "old");
        Assert.Throws<InvalidDataException>(() => AtomicFile.Write(path, s => { s.WriteByte(1); throw new InvalidDataException(); }));
        var e = Assert.Throws<BadInputException>(() => AtomicFile.Write(path,
            s => { s.WriteByte(1); throw new IOException($"No space left on device : '{((FileStream)s).Name}'", 28); }));
        Assert.Equal($"{path}: the output cannot be written: No space left on device : '{path}'. "
            + "Free some space or choose another place; nothing was left half-written.", e.Message);
        Assert.Equal(path, e.Place);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_a_clear_error()
    {
        string file = Path.Combine(Paths.Temporary(), "file");
        File.WriteAllText(file, "");
        string path = Path.Combine(file, "below", "x.txt");
        string said = Assert.Throws<BadInputException>(() => AtomicFile.WriteText(path, "x")).Message;
        Assert.Contains("cannot be written", said);
        Assert.EndsWith("Choose a place that can be written; nothing was left half-written.", said);
        bool filled = false;
        Assert.Contains("cannot be written", Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(path, _ => filled = true))
            .Message);
        Assert.False(filled);
    }

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        string parent = Paths.Temporary(), folder = Path.Combine(parent, "out") + "/";
        Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder,
            f => { File.WriteAllText(Path.Combine(f, "a"), "1"); throw new BadInputException("no"); }));
        Assert.Empty(Directory.GetFileSystemEntries(parent));
        AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "a"), "1"));
        Assert.Equal("1", File.ReadAllText(Path.Combine(folder, "a")));

        var e = Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "a"), "2")));
        Assert.Contains("already exists", e.Message);
        Assert.Contains("--force", e.Remedy);
        Assert.Throws<IOException>(() => { try { AtomicFile.WriteFolder(folder, _ => throw new IOException("disk"), replace: true);
            } catch (BadInputException b) { throw b.InnerException!; } });
        Assert.Equal("1", File.ReadAllText(Path.Combine(folder, "a")));

        AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "b"), "2"), replace: true);
        Assert.Equal([Marker, "b"], Names(Path.Combine(parent, "out")));
        Assert.Equal(["out"], Names(parent));
    }

    [Fact]
    public void What_came_meanwhile_is_not_replaced_unasked()
    {
        string parent = RealPath.Of(Paths.Temporary()), folder = Path.Combine(parent, "out");
        var work = WorkFolder.Enter(folder, OutputKind.Folder);
        string made = work.Free();
        foreach (string place in (string[])[made, folder])
        {
            Directory.CreateDirectory(place);
            File.WriteAllText(Path.Combine(place, "a"), place);
        }
        var e = Assert.Throws<BadInputException>(() => AtomicFile.Publish(made, folder, work, "given", replace: false));
        Assert.Equal(("the output already exists", "given"), (e.Problem, e.Place));
        Assert.Equal((folder, made), (File.ReadAllText(Path.Combine(folder, "a")), File.ReadAllText(Path.Combine(made, "a"))));
        AtomicFile.Publish(made, folder, work, "given", replace: true);
        Assert.Equal(made, File.ReadAllText(Path.Combine(folder, "a")));
        work.Leave();
        Assert.Equal(["out"], Names(parent));
    }

    [Fact]
    public void An_empty_folder_may_be_in_the_way_but_no_file_of_another_kind()
    {
        string parent = Paths.Temporary(), empty = Path.Combine(parent, "empty"), file = Path.Combine(parent, "file");
        Directory.CreateDirectory(empty);
        File.WriteAllText(file, "x");
        AtomicFile.WriteFolder(empty, f => File.WriteAllText(Path.Combine(f, "a"), "1"));
        Assert.Equal("1", File.ReadAllText(Path.Combine(empty, "a")));
        Assert.Contains("a file stands where the folder would be",
            Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(file, _ => { }, replace: true)).Message);
        Assert.Contains("a folder stands where the file would be",
            Assert.Throws<BadInputException>(() => AtomicFile.WriteText(empty, "x")).Message);
        Assert.Equal("x", File.ReadAllText(file));
    }

    [Fact]
    public void Folders_in_a_folder_have_markers_of_their_own_and_every_change_is_seen()
    {
        string folder = Path.Combine(Paths.Temporary(), "out");
        AtomicFile.WriteFolder(folder, f =>
        {
            AtomicFile.WriteText(Path.Combine(f, "a.txt"), "one");
            AtomicFile.WriteText(Path.Combine(f, "plain", "b.txt"), "two");
            AtomicFile.WriteFolder(Path.Combine(f, "inner"), g => AtomicFile.WriteText(Path.Combine(g, "c.txt"), "three"),
                kind: OutputKind.Adapter);
        }, kind: OutputKind.Run);
        Assert.Equal(("run", "adapter"), (FolderMarker.KindOf(folder), FolderMarker.KindOf(Path.Combine(folder, "inner"))));
        Assert.True(FolderMarker.Check(folder).IsWhole);

        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        File.WriteAllText(Path.Combine(folder, "plain", "mine.txt"), "mine");
        File.WriteAllText(Path.Combine(folder, "inner", "c.txt"), "drei!"); // as long as it was
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "a.txt");
        Directory.CreateDirectory(Path.Combine(folder, "theirs"));
        File.Delete(Path.Combine(folder, "a.txt"));
        var state = FolderMarker.Check(folder);
        Assert.Equal(["link", "notes.txt", "plain/mine.txt", "theirs"], state.Foreign);
        Assert.Equal(["inner/c.txt"], state.Changed);
        Assert.Equal(["a.txt"], state.Missing);
        Assert.False(AtomicFile.DeleteFolder(folder));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(folder, "notes.txt")));
        Assert.False(FolderMarker.Check(Path.GetDirectoryName(folder)!).Marked);
    }

    [Fact]
    public void What_is_written_into_a_held_folder_becomes_part_of_it()
    {
        string folder = Path.Combine(Paths.Temporary(), "run"), log = Path.Combine(folder, "log.jsonl");
        using (OutputPlace.Claim(folder, OutputKind.Run))
        {
            AtomicFile.WriteFolder(folder, f => AtomicFile.WriteText(Path.Combine(f, "run.yaml"), "a: 1"), kind: OutputKind.Run);
            AtomicFile.WriteText(log, "", grows: true);
            AtomicFile.WriteFolder(Path.Combine(folder, "checkpoints", "step-1"), f => AtomicFile.WriteText(Path.Combine(f, "state.json"),
                "{}"), kind: OutputKind.Checkpoint);
            AtomicFile.WriteText(Path.Combine(folder, "report.html"), "first");
            AtomicFile.WriteText(Path.Combine(folder, "report.html"), "second");
        }
        File.AppendAllText(log, "{\"step\": 1}\n{\"step\": 2}\n{\"st"); // cut by a kill
        Assert.True(FolderMarker.Check(folder).IsWhole);
        Assert.Equal([Marker, "checkpoints", "log.jsonl", "report.html", "run.yaml"], Names(folder));
        File.WriteAllText(log, "{\"step\": 1}\nmy notes\n");
        File.WriteAllText(Path.Combine(folder, "report.html"), "third!");
        Assert.Equal(["log.jsonl", "report.html"], FolderMarker.Check(folder).Changed);
        File.WriteAllText(log, "{\"step\": 1}\n");
        File.WriteAllText(Path.Combine(folder, "report.html"), "second");
        Assert.True(AtomicFile.DeleteFolder(folder));
        Assert.Empty(Names(Path.GetDirectoryName(folder)!));
    }

    private static IEnumerable<string> Names(string folder) => Directory.EnumerateFileSystemEntries(folder)
        .Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal);
}

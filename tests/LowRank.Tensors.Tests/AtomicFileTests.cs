namespace LowRank.Tensors.Tests;

public class AtomicFileTests
{
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
        var e = Assert.Throws<BadInputException>(() => AtomicFile.Write(path, s => { s.WriteByte(1); throw new IOException("No space left on device"); }));
        Assert.Contains("cannot be written: No space left on device", e.Message);
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
        Assert.Contains("cannot be written", Assert.Throws<BadInputException>(() => AtomicFile.WriteText(path, "x")).Message);
        bool filled = false;
        Assert.Contains("cannot be written", Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(path, _ => filled = true)).Message);
        Assert.False(filled);
    }

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        string parent = Paths.Temporary(), folder = Path.Combine(parent, "out") + "/";
        Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder, f => { File.WriteAllText(Path.Combine(f, "a"), "1"); throw new BadInputException("no"); }));
        Assert.Empty(Directory.GetFileSystemEntries(parent));
        AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "a"), "1"));
        Assert.Equal("1", File.ReadAllText(Path.Combine(folder, "a")));

        var e = Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "a"), "2")));
        Assert.Contains("already exists", e.Message);
        Assert.Contains("--force", e.Remedy);
        Assert.Throws<IOException>(() => { try { AtomicFile.WriteFolder(folder, _ => throw new IOException("disk"), replace: true); } catch (BadInputException b) { throw b.InnerException!; } });
        Assert.Equal("1", File.ReadAllText(Path.Combine(folder, "a")));

        AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "b"), "2"), replace: true);
        Assert.Equal([Path.Combine(parent, "out", "b")], Directory.GetFileSystemEntries(Path.Combine(parent, "out")));
        Assert.Single(Directory.GetFileSystemEntries(parent));
    }

    [Fact]
    public void An_empty_folder_and_with_replace_a_file_may_be_in_the_way()
    {
        string parent = Paths.Temporary(), empty = Path.Combine(parent, "empty"), file = Path.Combine(parent, "file");
        Directory.CreateDirectory(empty);
        File.WriteAllText(file, "x");
        AtomicFile.WriteFolder(empty, f => File.WriteAllText(Path.Combine(f, "a"), "1"));
        Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(file, _ => { }));
        AtomicFile.WriteFolder(file, f => File.WriteAllText(Path.Combine(f, "a"), "1"), replace: true);
        Assert.Equal(["1", "1"], new[] { empty, file }.Select(p => File.ReadAllText(Path.Combine(p, "a"))));
    }
}

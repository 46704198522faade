using System.Diagnostics;

namespace LowRank.Tensors.Tests;

/// <summary>Where may be written and what may be replaced. Everything here belongs to somebody, and is the same afterwards.</summary>
public class OutputPlaceTests
{
    private readonly string _folder = RealPath.Of(Paths.Temporary());

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public void Nothing_that_is_read_is_written_over_or_into_by_whatever_name()
    {
        string model = Directory.CreateDirectory(At("models/base")).FullName, file = At("models/base/weights.bin"), data = At("data.jsonl");
        File.WriteAllText(file, "weights");
        File.WriteAllText(data, "{}");
        Directory.CreateSymbolicLink(At("alias"), model);
        File.CreateSymbolicLink(At("soft.jsonl"), data);
        Assert.Equal(0, Tool("ln", data, At("hard.jsonl")));
        OutputSource[] sources = [new(At("alias"), "the model"), new(At("data.jsonl"), "the data")];
        foreach (var (path, kind, expected) in ((string, OutputKind, string)[])
        [
            (model, OutputKind.Model, "the output is the folder that is read"),
                (model + "/", OutputKind.Model, "the output is the folder that is read"),
                (At("alias"), OutputKind.Model, "the folder that is read"),
            (At("models/../models/./base"), OutputKind.Model, "the folder that is read"),
                (At("models"), OutputKind.Model, "the output holds the model"), (_folder, OutputKind.Run, "the output holds the model"),
            (At("models/base/new"), OutputKind.Model, "lies in the folder of the model"),
                (At("alias/new/deep"), OutputKind.Run, "lies in the folder of the model"), ("/", OutputKind.Run, "holds the model"),
            (data, OutputKind.File, "the output is the file that is read"), (At("soft.jsonl"), OutputKind.File, "the file that is read"),
                (At("hard.jsonl"), OutputKind.File, "the file that is read"),
            (At("alias/config.json"), OutputKind.File, "lies in the folder of the model"),
        ])
            foreach (bool force in (bool[])[false, true])
            {
                var e = Assert.Throws<BadInputException>(() => OutputPlace.Claim(path, kind, force, sources));
                Assert.Contains(expected, e.Message);
                Assert.DoesNotContain("--force", e.Message);
            }
        Assert.Equal(["alias", "data.jsonl", "hard.jsonl", "models", "soft.jsonl"], Names(_folder));
        Assert.Equal(["weights.bin"], Names(model));
        OutputPlace.Claim(At("models/other"), OutputKind.Model, sources: sources).Dispose();
        Assert.Equal(["base"], Names(At("models")));
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("deep/er/notes.txt")]
    [InlineData("changed")]
    [InlineData("unmarked")]
    [InlineData("broken marker")]
    public void Force_replaces_only_what_was_written_there(string theirs)
    {
        string folder = At("out");
        AtomicFile.WriteFolder(folder, f => AtomicFile.WriteText(Path.Combine(f, "a.txt"), "old"));
        string expected = theirs;
        if (theirs == "changed") File.WriteAllText(Path.Combine(folder, expected = "a.txt"), "new");
        else if (theirs == "unmarked") File.Delete(Path.Combine(folder, expected = FolderMarker.FileName));
        else if (theirs == "broken marker") File.WriteAllText(Path.Combine(folder, expected = FolderMarker.FileName),
            "{\"lowrank\": {\"lowrank\"");
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, theirs))!);
            File.WriteAllText(Path.Combine(folder, theirs), "mine");
            expected = theirs.Split('/')[0];
        }
        var before = FolderContent.Of(_folder);
        var forced = Assert.Throws<BadInputException>(() => OutputPlace.Claim(folder, OutputKind.Run, force: true));
        Assert.Contains(expected, forced.Message);
        Assert.DoesNotContain("--force", forced.Message);
        Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder, f => File.WriteAllText(Path.Combine(f, "b"), ""),
            replace: true));
        var plain = Assert.Throws<BadInputException>(() => OutputPlace.Claim(folder, OutputKind.Run));
        Assert.Contains("already exists", plain.Message);
        if (theirs != "changed") Assert.DoesNotContain("--force", plain.Message); // told without reading all of it
        Assert.Equal(before, FolderContent.Of(_folder));
    }

    [Fact]
    public void The_working_folder_and_those_above_it_are_never_replaced()
    {
        string above = Path.GetDirectoryName(Environment.CurrentDirectory)!;
        foreach (string path in (string[])[".", above, "/", "../" + Path.GetFileName(Environment.CurrentDirectory)])
        {
            var e = Assert.Throws<BadInputException>(() => OutputPlace.Claim(path, OutputKind.Run, force: true));
            Assert.Contains("working folder", e.Message);
            Assert.DoesNotContain("--force", e.Message);
        }
    }

    [Fact]
    public void A_link_stays_a_link_and_what_it_leads_to_is_replaced()
    {
        AtomicFile.WriteFolder(At("real"), f => AtomicFile.WriteText(Path.Combine(f, "a"), "old"));
        Directory.CreateSymbolicLink(At("link"), "real");
        AtomicFile.WriteFolder(At("link"), f => AtomicFile.WriteText(Path.Combine(f, "a"), "new"), replace: true);
        AtomicFile.WriteText(At("file"), "old");
        File.CreateSymbolicLink(At("to-file"), At("file"));
        AtomicFile.WriteText(At("to-file"), "new");
        Assert.Equal(("real", At("file")), (new FileInfo(At("link")).LinkTarget, new FileInfo(At("to-file")).LinkTarget));
        Assert.Equal(("new", "new"), (File.ReadAllText(At("real/a")), File.ReadAllText(At("file"))));
        File.CreateSymbolicLink(At("nowhere"), At("absent/x"));
        File.CreateSymbolicLink(At("circle"), At("circle"));
        Assert.Contains("a link that leads nowhere", Assert.Throws<BadInputException>(() => AtomicFile.WriteText(At("nowhere"), "x"))
            .Message);
        Assert.Contains("a link that leads nowhere",
            Assert.Throws<BadInputException>(() => OutputPlace.Claim(At("nowhere/"), OutputKind.Run, force: true)).Message);
        Assert.Contains("in a circle", Assert.Throws<BadInputException>(() => OutputPlace.Claim(At("circle"), OutputKind.Run)).Message);
        Assert.Equal(["circle", "file", "link", "nowhere", "real", "to-file"], Names(_folder));
    }

    [Fact]
    public void A_pipe_is_no_place_for_a_file()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("a pipe is known for one on Linux");
        Assert.Equal(0, Tool("mkfifo", At("pipe")));
        Assert.Contains("no plain file", Assert.Throws<BadInputException>(() => AtomicFile.WriteText(At("pipe"), "x")).Message);
        Assert.Contains("no plain file", Assert.Throws<BadInputException>(() => AtomicFile.WriteText("/dev/null", "x")).Message);
    }

    [Fact]
    public void A_folder_of_the_work_folders_name_that_is_not_ours_stays()
    {
        Directory.CreateDirectory(At(".out.lowrank/new-1"));
        File.WriteAllText(At(".out.lowrank/thesis.txt"), "mine");
        var before = FolderContent.Of(_folder);
        Assert.Contains(".out.lowrank", Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(At("out"), _ => { })).Message);
        Assert.Equal(before, FolderContent.Of(_folder));
    }

    [Fact]
    public void Two_that_write_one_place_in_this_process_end_with_one_whole_folder()
    {
        int refused = 0;
        Parallel.For(0, 4, i =>
        {
            try { AtomicFile.WriteFolder(At("out"), f => AtomicFile.WriteText(Path.Combine(f, "a"), $"{i}")); }
            catch (BadInputException e) when (e.Message.Contains("already exists")) { Interlocked.Increment(ref refused); }
        });
        Assert.Equal(3, refused);
        Assert.True(FolderMarker.Check(At("out")).IsWhole);
        Assert.Equal(["out"], Names(_folder));
    }

    [Fact]
    public void Another_process_gets_no_place_that_is_held_until_its_holder_is_killed()
    {
        string place = At("run");
        using var holder = Process.Start(KillChild.Of("hold", _folder))!;
        try
        {
            string ready = At("ready");
            while (!holder.HasExited && !File.Exists(ready)) Thread.Sleep(5);
            foreach (string path in (string[])[place, At("run/adapter"), At("run/checkpoints/step-1")]) // nor one in it
            {
                var e = Assert.Throws<BadInputException>(() => OutputPlace.Claim(path, OutputKind.Model, force: true));
                Assert.Contains($"process {holder.Id} on {Environment.MachineName}, since ", e.Message);
                Assert.Contains("a run", e.Message);
            }
            Assert.Throws<BadInputException>(() => OutputPlace.Claim(place, OutputKind.Run, goOn: true));
        }
        finally { holder.Kill(); }
        holder.WaitForExit();
        Assert.True(Directory.Exists(At(".run.lowrank")));
        OutputPlace.Claim(place, OutputKind.Run).Dispose();
        Assert.Equal(["ready"], Names(_folder));
    }

    [Fact]
    public void An_empty_mount_point_is_written_into_and_not_replaced()
    {
        string disk = Directory.CreateDirectory(At("disk")).FullName;
        if (!OperatingSystem.IsLinux() || Tool("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk) != 0)
            Assert.Skip("mounting needs root on Linux");
        try
        {
            Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(disk,
                f => { AtomicFile.WriteText(Path.Combine(f, "a"), "1"); throw new IOException("no"); }));
            Assert.Empty(Names(disk));
            AtomicFile.WriteFolder(disk, f => AtomicFile.WriteText(Path.Combine(f, "deep", "a"), "1"), kind: OutputKind.Model);
            Assert.Equal([FolderMarker.FileName, "deep"], Names(disk));
            Assert.True(FolderMarker.Check(disk).IsWhole);
            var e = Assert.Throws<BadInputException>(() => OutputPlace.Claim(disk, OutputKind.Model, force: true));
            Assert.Contains("mount point", e.Message);
            // as a run goes on
            using (OutputPlace.Claim(disk, OutputKind.Model, goOn: true)) AtomicFile.WriteFolder(Path.Combine(disk, "more"),
                f => AtomicFile.WriteText(Path.Combine(f, "b"), "2"));
            Assert.True(FolderMarker.Check(disk).IsWhole);
            Assert.Equal([FolderMarker.FileName, "deep", "more"], Names(disk));
        }
        finally { Tool("umount", disk); }
    }

    [Fact]
    public void A_refused_place_leaves_no_folders_above_it()
    {
        File.WriteAllText(At("data"), "x");
        using (OutputPlace.Claim(At("a/b/c"), OutputKind.Model)) Assert.True(Directory.Exists(At("a/b")));
        Assert.Equal(["data"], Names(_folder));
        string name = new('n', 250);
        AtomicFile.WriteText(At(name), "x");
        Assert.Equal(["data", name], Names(_folder));
    }

    internal static IEnumerable<string> Names(string folder) => Directory.EnumerateFileSystemEntries(folder)
        .Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal);

    private static int Tool(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}

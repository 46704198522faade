namespace LowRank.Tensors.Tests;

/// <summary>Something that is written into a folder and killed on the way.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Target">The place in the folder.</param>
/// <param name="Prepare">What stands there before.</param>
/// <param name="Act">What is done, and done again by the next process.</param>
/// <param name="States">What may be found at the place at every moment: descriptions of <see cref="KillScenario.Describe"/>.</param>
/// <param name="Last">What is found there at the end.</param>
internal sealed record KillScenario(string Name, string Target, Action<string> Prepare, Action<string> Act, string[] States, string Last)
{
    /// <summary>Whether a kill may leave the place to the next start: where nothing can be exchanged in one step.</summary>
    public bool NextStartMends { get; init; }

    /// <summary>Whether the system has no step that exchanges two folders.</summary>
    public bool NoExchange { get; init; }

    public static readonly KillScenario[] All =
    [
        new("a new folder", "out", _ => { }, f => Write(f, "new", replace: false), ["absent", "new"], "new"),
        new("a folder over an empty one", "out", f => Directory.CreateDirectory(Path.Combine(f, "out")),
            f => Write(f, "new", replace: false), ["empty", "new"], "new"),
        new("a folder over an old one", "out", f => Write(f, "old", replace: false), f => Write(f, "new", replace: true), ["old", "new"],
            "new"),
        new("a folder over an old one without an exchange", "out", f => Write(f, "old", replace: false),
            f => Write(f, "new", replace: true), ["old", "new"], "new")
        {
            NextStartMends = true, NoExchange = true,
        },
        new("a folder into the working folder", "out", f => Directory.CreateDirectory(Path.Combine(f, "out")), Into, ["empty", "new"],
            "new") { NextStartMends = true },
        new("a file over an old one", "file", f => File.WriteAllText(Path.Combine(f, "file"), "old"),
            f => AtomicFile.WriteText(Path.Combine(f, "file"), "new"), ["file old", "file new"], "file new"),
        new("a file", "deep/file", _ => { }, f => AtomicFile.WriteText(Path.Combine(f, "deep", "file"), "new"), ["absent", "file new"],
            "file new"),
        new("a run", "run", _ => { }, Train, ["absent", "run 0", "run 1", "run 2", "run 3"], "run 3"),
        new("a run over an old one", "run", f => Write(f, "old", replace: false, "run"), Train,
            ["old", "run 0", "run 1", "run 2", "run 3"], "run 3"),
    ];

    /// <summary>The place in a word: absent, empty, old, new, a run with its newest whole checkpoint; "broken" where it is none of
    /// them.</summary>
    public static string Describe(string place)
    {
        if (File.Exists(place)) return "file " + File.ReadAllText(place);
        if (!Directory.Exists(place)) return "absent";
        if (!Directory.EnumerateFileSystemEntries(place).Any()) return "empty";
        var state = FolderMarker.Check(place);
        if (!state.IsOwn) return $"broken: marked {state.Marked}, not as it was {string.Join(' ', state.Foreign.Concat(state.Changed))}";
        if (FolderMarker.KindOf(place) != "run") return state.IsWhole ? File.ReadAllText(Path.Combine(place, "a.txt")).Trim('.')
            : $"broken: missing {string.Join(' ', state.Missing)}";
        return $"run {Enumerable.Range(0, 4).Last(i => i == 0 || FolderMarker.Check(Checkpoint(place, i)).IsWhole)}";
    }

    private static void Write(string folder, string content, bool replace, string name = "out")
        => AtomicFile.WriteFolder(Path.Combine(folder, name), f =>
    {
        AtomicFile.WriteText(Path.Combine(f, "a.txt"), content.PadRight(70_000, '.')); // more than one write
        AtomicFile.WriteText(Path.Combine(f, "plain", "b.txt"), "b");
        AtomicFile.WriteFolder(Path.Combine(f, "inner"), g => AtomicFile.WriteText(Path.Combine(g, "c.txt"), "c"),
            kind: OutputKind.Adapter);
    }, replace, OutputKind.Model);

    private static void Into(string folder)
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = Path.Combine(folder, "out");
        try { Write(folder, "new", replace: false); }
        finally { Environment.CurrentDirectory = before; }
    }

    // What a run does: the folder, then steps with a line of the log and a checkpoint each, the oldest going, then the result.
    private static void Train(string folder)
    {
        string run = Path.Combine(folder, "run"), log = Path.Combine(run, "log.jsonl");
        using var held = OutputPlace.Claim(run, OutputKind.Run, force: true, goOn: FolderMarker.KindOf(run) == "run");
        if (FolderMarker.KindOf(run) != "run") AtomicFile.WriteFolder(run, f => AtomicFile.WriteText(Path.Combine(f, "run.yaml"), "a: 1"),
            replace: true, OutputKind.Run);
        int done = Enumerable.Range(0, 4).Last(i => i == 0 || FolderMarker.Check(Checkpoint(run, i)).IsWhole);
        AtomicFile.WriteText(log, string.Concat(Enumerable.Range(1, done).Select(i => $"{{\"step\": {i}}}\n")), grows: true);
        for (int step = done + 1; step <= 3; step++)
        {
            File.AppendAllText(log, $"{{\"step\": {step}}}\n");
            AtomicFile.WriteFolder(Checkpoint(run, step), f => AtomicFile.WriteText(Path.Combine(f, "state.json"), $"{step}"),
                replace: true, OutputKind.Checkpoint);
            if (step > 1) AtomicFile.DeleteFolder(Checkpoint(run, step - 1));
        }
        AtomicFile.WriteFolder(Path.Combine(run, "adapter"), f => AtomicFile.WriteText(Path.Combine(f, "weights"), "3"), replace: true,
            OutputKind.Adapter);
        AtomicFile.WriteText(Path.Combine(run, "report.html"), "<p>3</p>");
        AtomicFile.NoteGrown(log);
    }

    private static string Checkpoint(string run, int step) => Path.Combine(run, "checkpoints", $"step-{step}");
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Where a run keeps everything: `run.yaml`, `log.jsonl`, `checkpoints/step-N/`, the result and `report.html`.</summary>
public sealed class RunFolder
{
    /// <summary>The result of an adapter run.</summary>
    public const string Adapter = "adapter";
    /// <summary>The result of full fine-tuning.</summary>
    public const string Model = "model";
    /// <summary>The quantised base of a run whose adapter fits no other (LoftQ).</summary>
    public const string Base = "base";
    private const string Settings = "run.yaml", Log = "log.jsonl", Checkpoints = "checkpoints", State = "state.json", OptimizerFile = "optimizer.safetensors";
    private const string ReportFile = "report.html", GoesOn = "goes_on";

    /// <summary>Names a run's folder; nothing is made yet.</summary>
    public RunFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }
    /// <summary>The report's place.</summary>
    public string Report => At(ReportFile);
    /// <summary>The place of <see cref="Base"/>.</summary>
    public string BaseFolder => At(Base);
    /// <summary>The log's place.</summary>
    public string LogFile => At(Log);

    /// <summary>Whether a run was begun here.</summary>
    public bool Exists => File.Exists(At(Settings));

    /// <summary>The folder of the result, whether it is there yet or not.</summary>
    /// <param name="all">Whether all weights are trained, no adapter.</param>
    public string ResultOf(bool all) => At(all ? Model : Adapter);

    /// <summary>Whether the run in it came to its end: the result, the last thing that training writes, is there and as it was written.
    /// </summary>
    /// <param name="all">As for <see cref="ResultOf"/>.</param>
    public bool IsFinished(bool all) => FolderMarker.NoteOf(Path, GoesOn) is null
        && FolderMarker.Check(ResultOf(all)) is { Marked: true, Changed.Count: 0, Missing.Count: 0 };

    /// <summary>Throws where the end of the run could not be written over what stands there: before it is trained, not after.</summary>
    /// <exception cref="BadInputException">The result or the report is not as LowRank wrote it, or something was put beside.</exception>
    public void RequireFreeEnd(bool all)
    {
        AtomicFile.RefuseExisting(ResultOf(all), replace: true, all ? OutputKind.Model : OutputKind.Adapter);
        if (File.Exists(Report) && !FolderMarker.IsAsWritten(Path, ReportFile))
            throw new BadInputException("the report would be written over a file that is not as LowRank wrote it", place: Report,
                remedy: "Move or delete it.");
    }

    /// <summary>Notes that the run goes on, so that a result which is there is an earlier one, or that it came to its end.</summary>
    internal void NoteGoingOn(bool goesOn)
    {
        if (!goesOn || Directory.Exists(At(Adapter)) || Directory.Exists(At(Model))) AtomicFile.WriteNote(Path, GoesOn, goesOn ? true : null);
    }

    /// <summary>The settings of the run that was begun here.</summary>
    public JsonObject ReadSettings() => SettingsBinder.ReadYaml(At(Settings));

    /// <summary>Takes the folder for this process until the result is disposed of; within a process it is shared.</summary>
    /// <param name="force">Whether an earlier run may be replaced.</param>
    /// <param name="goOn">Whether the run in it goes on.</param>
    /// <param name="sources">What is read: the run is not written over it, nor into it.</param>
    /// <exception cref="BadInputException">Another process has it, it may not be written, or the run in it left no marker.</exception>
    public OutputPlace Hold(bool force = false, bool goOn = true, IEnumerable<OutputSource>? sources = null)
    {
        if (goOn && Exists && FolderMarker.KindOf(Path) != OutputKind.Run.Name)
            throw new BadInputException("the run cannot go on: it was begun by an earlier version, which left no marker in it", place: Path, expected: FolderMarker.FileName, remedy: "Begin a new run in another folder.");
        return OutputPlace.Claim(Path, OutputKind.Run, force, sources, goOn);
    }

    /// <summary>Starts a new run: makes the folder with run.yaml in it.</summary>
    /// <param name="settings">Its settings.</param>
    /// <param name="force">Whether an earlier run in an existing folder is replaced; else that is refused.</param>
    /// <param name="begun">What it is begun with, for `begun.json`; null: that is not compared when it goes on.</param>
    public void Begin(RunSettings settings, bool force, Begun? begun = null) => AtomicFile.WriteFolder(Path, folder =>
    {
        begun?.Save(folder);
        AtomicFile.WriteText(System.IO.Path.Combine(folder, Settings), SettingsBinder.ToYaml(SettingsBinder.ToTree(settings)));
    }, force, OutputKind.Run);

    /// <summary>Adds a line to the log.</summary>
    /// <exception cref="BadInputException">It cannot be written, as on a full disk; what was written before stays.</exception>
    public void Append(JsonObject line)
    {
        try
        {
            if (!File.Exists(LogFile)) AtomicFile.WriteText(LogFile, "", grows: true);
            File.AppendAllText(LogFile, line.ToJsonString() + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the log cannot be written: " + e.Message.TrimEnd('.'), place: LogFile, remedy: "Free some space and go on with --resume; the newest checkpoint is untouched.", inner: e);
        }
    }

    /// <summary>The log's whole lines; a last line cut short by a kill is left out.</summary>
    /// <exception cref="BadInputException">Another line is none of a log's.</exception>
    public IReadOnlyList<JsonObject> ReadLog()
    {
        if (!File.Exists(LogFile)) return [];
        string[] lines = TextFile.Read(LogFile).Split('\n');
        List<JsonObject> log = [];
        for (int i = 0; i < lines.Length; i++)
            if (LineOf(lines[i]) is { } line) log.Add(line);
            else if (i < lines.Length - 1)
                throw new BadInputException("a line of the log is damaged", place: $"{LogFile}:{i + 1}",
                    expected: "an object with a step", remedy: "Put back what was there, or take the line out.");
        return log;
    }

    private static JsonObject? LineOf(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject found && found["step"] is JsonValue step && step.TryGetValue(out int _) ? found : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException) { return null; }
    }

    /// <summary>Drops what was logged after a step, so that a resumed run logs every step once.</summary>
    public void TruncateLog(int step)
    {
        if (!File.Exists(LogFile)) return;
        string kept = string.Concat(ReadLog().Where(l => (int)l["step"]! <= step).Select(l => l.ToJsonString() + "\n"));
        if (kept != File.ReadAllText(LogFile)) AtomicFile.WriteText(LogFile, kept, grows: true);
    }

    /// <summary>Notes in the marker how the log ends, when a process is done with it.</summary>
    public void NoteLog()
    {
        if (File.Exists(LogFile)) AtomicFile.NoteGrown(LogFile);
    }

    /// <summary>Steps that have a checkpoint, ascending.</summary>
    public IReadOnlyList<int> Steps => !Directory.Exists(At(Checkpoints)) ? [] :
        [.. Directory.EnumerateDirectories(At(Checkpoints), "step-*").Select(d => int.TryParse(System.IO.Path.GetFileName(d)[5..], NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : -1).Where(n => n >= 0).Order()];

    /// <summary>Writes the checkpoint of a step, whole or not at all; one that is there already with the same state stays.</summary>
    public void SaveCheckpoint(int step, ITrainable trainable, Optimizer optimizer, JsonObject state)
    {
        if (Steps.Contains(step) && Problem(step) is null && SameState(ReadState(step), state)) return;
        if (Other(step) is not null) SetAside(step);
        AtomicFile.WriteFolder(Checkpoint(step), folder =>
        {
            trainable.Save(folder);
            SafetensorsWriter.Write(System.IO.Path.Combine(folder, OptimizerFile), optimizer.State());
            AtomicFile.WriteText(System.IO.Path.Combine(folder, State), state.ToJsonString());
        }, replace: true, OutputKind.Checkpoint);
    }

    /// <summary>The step whose checkpoint a resumed run begins with; 0: the start.</summary>
    /// <param name="asked">The step that was asked for; null: the newest.</param>
    /// <exception cref="BadInputException">There is no such checkpoint, or it is damaged; a whole one is named.</exception>
    public int StepToGoOnFrom(int? asked)
    {
        var steps = Steps;
        if (asked == 0 || (asked is null && steps.Count == 0)) return 0;
        if (asked is { } wanted && !steps.Contains(wanted))
            throw new BadInputException("there is no checkpoint of this step", asked.ToString(), Path, steps.Count == 0 ? "0, for there is none yet" : $"0 (the start), {string.Join(", ", steps)}");
        int step = asked ?? steps[^1];
        if (Problem(step) is not { } problem) return step;
        int whole = steps.Where(s => s != step).OrderDescending().FirstOrDefault(s => Problem(s) is null);
        throw new BadInputException($"the {(step == steps[^1] ? "newest " : "")}checkpoint is damaged: {problem}", place: Checkpoint(step), remedy: whole > 0
            ? $"Step {whole} is whole: `--resume --step {whole}` goes on after it."
            : "No other checkpoint is whole: `--resume --step 0` begins again at step 1.");
    }

    /// <summary>Takes the checkpoints after a step away, for the run goes on from there: whole ones are deleted, damaged ones set aside. Returns where those are now.</summary>
    public IReadOnlyList<string> DropAfter(int step)
    {
        List<string> aside = [];
        foreach (int later in Steps.Where(s => s > step))
        {
            if (Problem(later) is null && AtomicFile.DeleteFolder(Checkpoint(later))) continue;
            aside.Add(SetAside(later));
        }
        return aside;
    }

    private string SetAside(int step)
    {
        string place = Enumerable.Range(1, int.MaxValue)
            .Select(i => At(System.IO.Path.Combine("set-aside", StepName(step) + (i == 1 ? "" : $"-{i}")))).First(p => !Directory.Exists(p));
        AtomicFile.MoveFolder(Checkpoint(step), place);
        return place;
    }

    /// <summary>Puts the weights of a checkpoint into <paramref name="trainable"/>.</summary>
    public void LoadWeights(int step, ITrainable trainable)
    {
        using var scope = NewDisposeScope();
        using var nothing = no_grad();
        using var file = SafetensorsFile.Open(trainable.WeightsFile(Checkpoint(step)));
        foreach (var tensor in trainable.Tensors) tensor.Tensor.copy_(file.Get(tensor.Key));
    }

    /// <summary>Puts a checkpoint's weights and optimiser state back and returns the rest of its state.</summary>
    public JsonObject LoadCheckpoint(int step, ITrainable trainable, Optimizer optimizer)
    {
        LoadWeights(step, trainable);
        using var scope = NewDisposeScope();
        using (var file = SafetensorsFile.Open(System.IO.Path.Combine(Checkpoint(step), OptimizerFile)))
            optimizer.Restore(file.Names.ToDictionary(n => n, file.Get));
        return ReadState(step);
    }

    /// <summary>Whether a checkpoint was written because of the time that had passed.</summary>
    public bool IsTimed(int step) => ReadState(step)[Timed] is not null;

    /// <summary>Deletes all checkpoints but the newest ones and, besides, the best one.</summary>
    /// <param name="keep">How many of the newest stay; null: all.</param>
    /// <param name="best">The best one's step; null: there is none.</param>
    public void Prune(int? keep, int? best)
    {
        if (keep is null) return;
        foreach (int step in Steps.SkipLast(keep.Value).Where(s => s != best)) Drop(step);
    }

    /// <summary>Deletes a checkpoint, if it is one and holds nothing but what was written into it.</summary>
    public void Drop(int step)
    {
        if (Other(step) is null) AtomicFile.DeleteFolder(Checkpoint(step));
    }

    /// <summary>The key of a checkpoint's state that says that it was written because of the time.</summary>
    internal const string Timed = "timed";

    // What is wrong with a checkpoint; null: it is whole.
    private string? Problem(int step)
    {
        if (Other(step) is { } other) return other;
        var state = FolderMarker.Check(Checkpoint(step));
        return !state.Marked ? $"{FolderMarker.FileName} is missing" : state.Missing.Count > 0 ? $"{state.Missing[0]} is missing" : state.Changed.Count > 0 ? $"{state.Changed[0]} is not as it was written" : null;
    }

    // What somebody put in a checkpoint's place, such as a merged model.
    private string? Other(int step)
        => FolderMarker.KindOf(Checkpoint(step)) is { } kind && kind != OutputKind.Checkpoint.Name
            ? $"it is no checkpoint but a {kind}" : null;

    private JsonObject ReadState(int step) => JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(Checkpoint(step), State)))!.AsObject();

    private static bool SameState(JsonObject a, JsonObject b)
    {
        return JsonNode.DeepEquals(Plain(a), Plain(b));

        static JsonNode Plain(JsonObject state) => new JsonObject(state.Where(p => p.Key != Timed).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
    }

    private static string StepName(int step) => string.Create(CultureInfo.InvariantCulture, $"step-{step}");

    private string Checkpoint(int step) => System.IO.Path.Combine(Path, Checkpoints, StepName(step));

    private string At(string name) => System.IO.Path.Combine(Path, name);
}

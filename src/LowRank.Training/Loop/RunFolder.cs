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

    /// <summary>Names a run's folder; nothing is made yet.</summary>
    public RunFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }
    /// <summary>The report's place.</summary>
    public string Report => At("report.html");
    /// <summary>The place of <see cref="Base"/>.</summary>
    public string BaseFolder => At(Base);
    /// <summary>The log's place.</summary>
    public string LogFile => At(Log);

    /// <summary>Whether a run was begun here.</summary>
    public bool Exists => File.Exists(At(Settings));

    /// <summary>The folder of the finished run's result, the last thing to be written; null before.</summary>
    public string? Result => ((string[])[At(Adapter), At(Model)]).FirstOrDefault(Directory.Exists);

    /// <summary>The settings of the run that was begun here.</summary>
    public JsonObject ReadSettings() => SettingsBinder.ReadYaml(At(Settings));

    /// <summary>Starts a new run: makes the folder and writes run.yaml. An existing folder is refused, or an earlier run in it removed where <paramref name="force"/>.</summary>
    public void Begin(RunSettings settings, bool force)
    {
        try
        {
            if (Directory.Exists(Path) && !Exists) // a start that was killed before run.yaml was whole
                foreach (string leftover in Directory.EnumerateFiles(Path, Settings + ".tmp-*")) File.Delete(leftover);
            AtomicFile.RefuseExisting(Path, force);
            if (Exists) Directory.Delete(Path, recursive: true);
            Directory.CreateDirectory(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the output folder cannot be made: " + e.Message, place: Path, inner: e);
        }
        AtomicFile.WriteText(At(Settings), SettingsBinder.ToYaml(SettingsBinder.ToTree(settings)));
    }

    /// <summary>Deletes what a killed process had not finished writing.</summary>
    public void RemoveLeftovers()
    {
        foreach (string place in (string[])[Path, At(Checkpoints)])
            if (Directory.Exists(place))
                foreach (string entry in Directory.EnumerateFileSystemEntries(place).Where(e => System.IO.Path.GetExtension(e) is { } end && (end.StartsWith(".tmp-", StringComparison.Ordinal) || end.StartsWith(".old-", StringComparison.Ordinal))).ToList())
                    if (Directory.Exists(entry)) Directory.Delete(entry, recursive: true);
                    else File.Delete(entry);
    }

    /// <summary>Adds a line to the log.</summary>
    /// <exception cref="BadInputException">It cannot be written, as on a full disk; what was written before stays.</exception>
    public void Append(JsonObject line)
    {
        try { File.AppendAllText(LogFile, line.ToJsonString() + "\n"); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the log cannot be written: " + e.Message, place: LogFile, remedy: "Free some space and go on with --resume; the newest checkpoint is untouched.", inner: e);
        }
    }

    /// <summary>The log's whole lines; a last line cut short by a kill is left out.</summary>
    public IReadOnlyList<JsonObject> ReadLog()
    {
        List<JsonObject> lines = [];
        if (!File.Exists(LogFile)) return lines;
        foreach (string line in File.ReadLines(LogFile))
            try { lines.Add(JsonNode.Parse(line)!.AsObject()); }
            catch (JsonException) { break; }
        return lines;
    }

    /// <summary>Drops what was logged after a step, so that a resumed run logs every step once.</summary>
    public void TruncateLog(int step)
    {
        if (!File.Exists(LogFile)) return;
        AtomicFile.WriteText(LogFile, string.Concat(ReadLog().Where(l => (int)l["step"]! <= step).Select(l => l.ToJsonString() + "\n")));
    }

    /// <summary>Steps that have a checkpoint, ascending.</summary>
    public IReadOnlyList<int> Steps => !Directory.Exists(At(Checkpoints)) ? [] :
        [.. Directory.EnumerateDirectories(At(Checkpoints), "step-*").Select(d => int.TryParse(System.IO.Path.GetFileName(d)[5..], NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : -1).Where(n => n >= 0).Order()];

    /// <summary>Writes the checkpoint of a step, whole or not at all.</summary>
    public void SaveCheckpoint(int step, ITrainable trainable, Optimizer optimizer, JsonObject state)
        => AtomicFile.WriteFolder(Checkpoint(step), folder =>
        {
            trainable.Save(folder);
            SafetensorsWriter.Write(System.IO.Path.Combine(folder, OptimizerFile), optimizer.State());
            AtomicFile.WriteText(System.IO.Path.Combine(folder, State), state.ToJsonString());
        }, replace: true);

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
        return JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(Checkpoint(step), State)))!.AsObject();
    }

    /// <summary>Deletes the oldest checkpoints beyond a number, never the best one.</summary>
    public void Prune(int? keep, int? best)
    {
        if (keep is null) return;
        foreach (int step in Steps.Where(s => s != best).SkipLast(keep.Value)) Directory.Delete(Checkpoint(step), recursive: true);
    }

    private string Checkpoint(int step) => System.IO.Path.Combine(Path, Checkpoints, string.Create(CultureInfo.InvariantCulture, $"step-{step}"));

    private string At(string name) => System.IO.Path.Combine(Path, name);
}

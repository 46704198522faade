using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Training;
using TorchSharp;

namespace LowRank.Cli.Verbs;

/// <summary>`train`: fine-tunes an adapter (or all weights) into a run folder; `--resume` continues bit for bit.</summary>
internal sealed class TrainVerb
{
    private readonly CommonOptions _common = new(CommonOptions.TrainingDtype);
    private readonly SettingsFlags _settings = new();
    private readonly Option<string[]> _data = new("--data") { Description = "training rows: a file (.jsonl .json .csv .tsv .txt .parquet .arrow, also .gz or .zst) or a folder of them; repeatable", DefaultValueFactory = _ => [] };
    private readonly Option<string[]> _evalData = new("--eval-data") { Description = "held-out rows; repeatable", DefaultValueFactory = _ => [] };
    private readonly Option<string> _initAdapter = new("--init-adapter") { Description = "an adapter folder to start from" };
    private readonly Option<string> _output = new("--output") { Description = "the run folder" };
    private readonly Option<bool> _resume = new("--resume") { Description = "continue the run in --output" };
    private readonly Option<int?> _step = new("--step") { Description = "with --resume: go on from the checkpoint of this step (0: from the start), not from the newest; later ones go" };
    private readonly Option<bool> _force = new("--force") { Description = "replace an existing run" };

    public static Command Create()
    {
        var options = new TrainVerb();
        var verb = new Command("train", "Fine-tunes an adapter, or all weights with `adapter: null`.")
        {
            options._settings.Config, options._settings.Set, options._data, options._evalData, options._initAdapter, options._output, options._settings.Memory, options._resume, options._step, options._force,
        };
        options._common.AddTo(verb);
        verb.Options.Remove(options._common.Adapter);
        verb.SetAction(options.Run);
        return verb;
    }

    private int Run(ParseResult parsed)
    {
        var folder = new RunFolder(CommonOptions.Require(parsed, _output));
        bool resume = parsed.GetValue(_resume), force = parsed.GetValue(_force), json = parsed.GetValue(_common.Json);
        if (resume && force) throw new BadInputException("--resume goes on with a run, --force replaces it", place: "lowrank train", remedy: "Give one of them.");
        if (parsed.GetValue(_step) is { } asked && (!resume || asked < 0))
            throw new BadInputException(resume ? "a value out of range" : "--step says where a resumed run goes on", $"{asked}", "--step", resume ? "0 or more" : "--resume beside it");
        var saved = resume && folder.Exists ? folder.ReadSettings() : null;
        var settings = Settings(parsed, saved);
        if (resume && saved is null && settings.Model.Length == 0) throw new BadInputException("there is no run to go on with", place: folder.Path, expected: "run.yaml", remedy: "Give the arguments of a new run as well.");
        using var held = folder.Hold(force, goOn: saved is not null, [.. Sources.Of(settings), .. Sources.OfFile(parsed.GetValue(_settings.Config), "the settings file")]);
        var device = _common.Prepare(parsed);
        var texts = TokenEncoders.Texts(ModelPlace.Of(settings.Model), settings);
        if (saved is not null)
        {
            CheckAgreement(saved, settings, texts, folder);
            settings = settings with { Dtype = (string?)saved["dtype"] ?? settings.Dtype }; // "auto" agrees with either
        }
        settings = settings with { Dtype = Name(Processor.ParseDType(settings.Dtype, device)), ChatDate = settings.ChatDate ?? DataRules.DateText(DateTime.Today) }; // a resumed run must see the same

        bool all = settings.TrainsAll(), finished = saved is not null && parsed.GetValue(_step) is null && folder.IsFinished(all) && File.Exists(folder.Report);
        if (saved is not null && !finished) folder.RequireFreeEnd(all);
        int from = saved is null ? 0 : folder.StepToGoOnFrom(parsed.GetValue(_step)); // before anything is loaded
        using var run = TrainingRun.Prepare(settings, folder, device, texts, parsed.GetValue(_step));
        if (finished) return Report(run, folder, folder.ResultOf(all), json); // nothing is left to do
        if (saved is null) run.Begin(force);
        else Output.Line(true, from > 0 ? $"Goes on after step {from}." : folder.Steps.Count == 0 ? "There is no checkpoint yet: begins again at step 1." : "Begins again at step 1.");
        run.SaveBase();
        if (!parsed.GetValue(_common.Quiet)) foreach (string line in (string[])[run.Describe(), .. run.Notices]) Output.Line(true, line);
        var outcome = run.Go(parsed.GetValue(_common.Quiet), CommandLine.Stop);
        if (outcome.Finished && outcome.Step < run.Trainer.TotalSteps) Output.Line(true, $"Stopped early after step {outcome.Step} of {run.Trainer.TotalSteps}: the evaluation loss had not fallen for {settings.EarlyStoppingPatience} evaluations.");
        if (outcome.Finished) return Report(run, folder, outcome.Result!, json);
        Output.Line(true, $"Stopped after step {outcome.Step}; everything so far is kept. Continue with: lowrank train --output {folder.Path} --resume");
        if (json) Output.Json(new JsonObject { ["step"] = outcome.Step, ["stopped"] = true, ["output"] = folder.Path });
        return 130;
    }

    /// <summary>The settings asked for: those of the run that goes on, the file's, the options', the assignments', later ones winning.</summary>
    private RunSettings Settings(ParseResult parsed, JsonObject? saved)
    {
        var read = _settings.Read(parsed, saved, (_common.Model, "model"), (_data, "data"), (_evalData, "eval_data"), (_initAdapter, "init_adapter"), (_settings.Memory, "memory"), (_common.Dtype, "dtype"), (_common.Quantize, "quantize"), (_common.Seed, "seed"));
        return parsed.GetValue(_resume) && saved is null && read.Tree.Count == 0 ? new RunSettings() : SettingsFlags.Bind(read);
    }

    private static int Report(TrainingRun run, RunFolder folder, string result, bool json)
    {
        if (!json) Output.Line(false, $"Done: {result} (report: {folder.Report})");
        else
        {
            var log = folder.ReadLog();
            var line = log.LastOrDefault(l => l.ContainsKey("loss")) ?? [];
            if (log.Count > 0 && log[^1]["eval_loss"] is { } loss) line["eval_loss"] = loss.DeepClone();
            (line["adapter"], line["path"], line["path_reason"]) = (result, run.Trainer.Path, run.Trainer.PathReason);
            Output.Json(line);
        }
        return 0;
    }

    private static void CheckAgreement(JsonObject saved, RunSettings given, TextConventions texts, RunFolder folder)
    {
        var begun = Begun.Read(folder.Path);
        List<BadInputException> errors = [.. begun is null ? Begun.SettingsThatDiffer(saved, SettingsBinder.ToTree(given))
            : begun.Differences(Begun.Of(given, texts))];
        if (errors.Count > 0) throw BadInputException.All("the run cannot go on", errors, folder.Path);
        if (begun is null && folder.Steps.Count > 0)
            Output.Line(true, $"An older program began this run, so that it has no {Begun.FileName}: "
                + "whether model, template and held-out rows are still the same cannot be checked.");
    }

    private static string Name(torch.ScalarType dtype) => dtype == torch.ScalarType.BFloat16 ? "bfloat16" : "float32";
}

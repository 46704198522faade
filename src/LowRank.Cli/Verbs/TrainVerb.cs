using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli.Verbs;

/// <summary>`train`: fine-tunes an adapter (or all weights) into a run folder; `--resume` continues bit for bit.</summary>
internal static class TrainVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> config = new("--config") { Description = "run.yaml: the settings (see `configs/`)" };
        Option<string[]> set = new("--set") { Description = "key=value, over the file; repeatable", DefaultValueFactory = _ => [] };
        Option<string> data = new("--data") { Description = "training rows (.jsonl or .json)" };
        Option<string> eval = new("--eval-data") { Description = "held-out rows" };
        Option<string> init = new("--init-adapter") { Description = "an adapter folder to start from" };
        Option<string> output = new("--output") { Description = "the run folder" };
        Option<bool> resume = new("--resume") { Description = "continue the run in --output" };
        Option<bool> force = new("--force") { Description = "replace an existing run" };
        var verb = new Command("train", "Fine-tunes an adapter, or all weights with `adapter: null`.") { config, set, data, eval, init, output, resume, force };
        common.AddTo(verb);
        verb.Options.Remove(common.Adapter);
        verb.SetAction(parsed =>
        {
            var folder = new RunFolder(CommonOptions.Require(parsed, output));
            bool goesOn = parsed.GetValue(resume) && folder.Exists;
            JsonObject tree = goesOn ? folder.ReadSettings() : [], given = parsed.GetValue(config) is { } file ? SettingsBinder.ReadYaml(file) : [];
            foreach (var (option, key) in (( Option<string>, string)[])[(common.Model, "model"), (data, "data"), (eval, "eval_data"), (init, "init_adapter")])
                if (parsed.GetValue(option) is { } value) given[key] = value;
            if (parsed.GetResult(common.Dtype) is { Implicit: false }) given["dtype"] = parsed.GetValue(common.Dtype);
            if (parsed.GetResult(common.Seed) is { Implicit: false }) given["seed"] = parsed.GetValue(common.Seed);
            foreach (string assignment in parsed.GetValue(set)!) SettingsBinder.Set(given, assignment);
            if (goesOn) CheckAgreement(tree, given, folder.Path);
            else tree = given;
            var settings = SettingsBinder.Bind(tree);
            if (!parsed.GetValue(resume)) AtomicFile.RefuseExisting(folder.Path, parsed.GetValue(force));
            var device = common.Prepare(parsed);
            settings = settings with { Dtype = Name(Processor.ParseDType(settings.Dtype, device)) };

            using var run = TrainingRun.Prepare(settings, folder, device, ModelPlace.Of(settings.Model));
            if (!goesOn) folder.Begin(settings, parsed.GetValue(force) || parsed.GetValue(resume));
            return Finish(run, parsed.GetValue(common.Json), parsed.GetValue(common.Quiet), folder);
        });
        return verb;
    }

    private static int Finish(TrainingRun run, bool json, bool quiet, RunFolder folder)
    {
        if (!quiet) Output.Line(true, run.Describe());
        var outcome = run.Go(quiet, CommandLine.Stop);
        if (!outcome.Finished)
        {
            Output.Line(true, $"Stopped after step {outcome.Step}; everything so far is kept. Continue with: lowrank train --output {folder.Path} --resume");
            return 130;
        }
        if (json)
        {
            var line = folder.ReadLog().LastOrDefault(l => l.ContainsKey("loss")) ?? [];
            (line["adapter"], line["path"], line["path_reason"]) = (outcome.Result, run.Trainer.Path, run.Trainer.PathReason);
            Output.Json(line);
        }
        else Output.Line(false, $"Done: {outcome.Result} (report: {folder.Report})");
        return 0;
    }

    private static void CheckAgreement(JsonObject saved, JsonObject given, string place)
    {
        var all = SettingsBinder.ToTree(SettingsBinder.Bind((JsonObject)saved.DeepClone()));
        List<BadInputException> errors = [];
        foreach (var (key, value) in given)
            if (!(key == "dtype" && (string?)value == "auto") && !SameValue(all[key], value))
                errors.Add(new BadInputException("a setting disagrees with the run that is to go on", value?.ToJsonString() ?? "null", key, all[key]?.ToJsonString() ?? "null", "Leave it out, or start a new run."));
        if (errors.Count > 0) throw BadInputException.All("the run cannot go on", errors, place);
    }

    private static bool SameValue(JsonNode? a, JsonNode? b)
        => JsonNode.DeepEquals(a, b) || (a is JsonValue x && b is JsonValue y && double.TryParse(x.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture, out double p) && double.TryParse(y.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture, out double q) && p == q);

    private static string Name(TorchSharp.torch.ScalarType dtype) => dtype == TorchSharp.torch.ScalarType.BFloat16 ? "bfloat16" : "float32";
}

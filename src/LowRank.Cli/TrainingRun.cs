using System.Diagnostics;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>A training run put together from its settings: model, adapter, data, trainer, progress and report. `train` and `quickstart` share it.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const int SampleCount = 4, SampleRows = 1000;

    private readonly CausalLM _model;
    private readonly AdapterHost? _host;
    private readonly Adapter? _adapter;
    private readonly ITrainable _trainable;
    private readonly RowSet _data;
    private readonly RowSet? _evalData;
    private readonly string _modelPath;
    private readonly TextConventions _texts;
    private readonly List<StepLog> _steps = [];
    private readonly List<EvalLog> _evals = [];
    private TrainingProgress? _progress;
    private bool _peakIsOfProcess;
    private long _peakMemory;

    private TrainingRun(
        RunSettings settings, RunFolder folder, CausalLM model, Adapter? adapter, AdapterHost? host, ITrainable trainable, RowSet data,
        RowSet? evalData, TextConventions texts, int? fromStep)
    {
        (Settings, Folder, _model, _adapter, _host, _trainable) = (settings, folder, model, adapter, host, trainable);
        (_data, _evalData, _modelPath, _texts) = (data, evalData, texts.Model, texts);
        Trainer = new Trainer(settings, model, trainable, data, evalData, folder)
        {
            FromStep = fromStep,
            OnNotice = text => Output.Line(true, text),
            OnStep = log => { _steps.Add(log); _progress?.Show(log); OnStep?.Invoke(log); },
            OnEval = log => { _evals.Add(log); _progress?.Show(log); },
        };
    }

    /// <summary>The run's settings.</summary>
    public RunSettings Settings { get; }
    /// <summary>Its folder.</summary>
    public RunFolder Folder { get; }
    /// <summary>The loop.</summary>
    public Trainer Trainer { get; }
    /// <summary>The steps of this process, in order.</summary>
    public IReadOnlyList<StepLog> Steps => _steps;
    /// <summary>Called after each step.</summary>
    public Action<StepLog>? OnStep { get; set; }
    /// <summary>All weights of the model, a shared one once.</summary>
    public long Parameters => _model.ParameterCount;
    /// <summary>How many numbers are trained.</summary>
    public long TrainedParameters => _trainable.Tensors.Sum(t => t.Tensor.numel());

    /// <summary>Reads data, model and adapter; every mistake in them shows here, before anything is written.</summary>
    public static TrainingRun Prepare(RunSettings settings, RunFolder folder, Device device, TextConventions texts, int? fromStep = null)
    {
        var model = LoadedModel.Open(texts.Model, Processor.ParseDType(settings.Dtype, device), device, settings.QuantizeOn(device),
            settings.InitAdapter is { } first ? [first] : []); // mapped
        try
        {
            var encoder = TokenEncoders.Of(texts, settings.AssistantTurns);
            var positions = PositionLimit.Of(model.Spec);
            RowSet Load(DataOptions options) => RowSet.Load(options with { Positions = positions }, model.Spec.VocabularySize, encoder,
                settings.Seed, CommandLine.Stop);
            var data = Load(settings.DataOptions());
            var evalData = settings.EvalOptions() is { } held ? Load(held) : null;
            if (settings.TrainsAll())
            {
                ScalarType? saved = settings.SaveDtype is null ? null : Processor.ParseDType(settings.SaveDtype, device);
                return new(settings, folder, model, null, null, new FullTrainable(model, saved, texts.Save), data, evalData, texts, fromStep);
            }
            var host = AdapterHost.Attach(model, model.Spec.ModelType);
            var adapter = RunAdapter.Make(host, model, settings, config => Named(config, settings, folder));
            host.Activate((adapter.Name, 1));
            return new(settings, folder, model, adapter, host, new AdapterTrainable(model, adapter, texts.Save), data, evalData, texts, fromStep);
        }
        catch { model.Dispose(); throw; }
    }

    /// <summary>Writes the base that LoftQ made: the adapter belongs to it, not to the model that was loaded. Does nothing for other adapters, or where it is written already.</summary>
    public void SaveBase()
    {
        if (_adapter?.Config.Initialisation != LoraInitialisation.LoftQ || Settings.InitAdapter is not null) return;
        if (Directory.Exists(Folder.BaseFolder)) return;
        string? untold = null;
        ModelWriter.Save(_model, Folder.BaseFolder, quantized: true, extra: folder => untold = GgufTokenizerFolder.Write(_modelPath, folder));
        Output.NoTokenizer(_modelPath, untold);
    }

    private static LoraConfig Named(LoraConfig config, RunSettings settings, RunFolder folder)
    {
        if (config.Initialisation != LoraInitialisation.LoftQ) return config with { BaseModel = config.BaseModel ?? settings.Model };
        return config.BaseModel is null ? config with { BaseModel = folder.BaseFolder }
            : throw new BadInputException("the adapter belongs to the base that LoftQ makes", config.BaseModel, "adapter: base_model_name_or_path", folder.BaseFolder, "Leave the key out.");
    }

    /// <summary>Makes the folder of a new run, with what it is begun with.</summary>
    public void Begin(bool force) => Folder.Begin(Settings, force, Begun.Of(Settings, _texts));

    /// <summary>One line about what will be done.</summary>
    public string Describe()
        => $"{(_adapter is null ? "Full fine-tuning" : RunAdapter.Describe(_adapter))} of {_modelPath}: {TrainedParameters:n0} of {_model.ParameterCount:n0} parameters, {_data.Rows.Count:n0} rows{Remarks(_data)}{(_evalData is null ? "" : $", {_evalData.Rows.Count:n0} held out{Remarks(_evalData)}")}, {Trainer.TotalSteps:n0} steps of {Settings.BatchSize * Settings.GradientAccumulationSteps} rows, {Settings.Dtype}, path {Trainer.Path} ({Trainer.PathReason}), {Checkpoints()}.{(Trainer.Plan is { } plan ? $" For memory {Settings.Memory}: {plan.Describe()}." : "")}";

    /// <summary>What of the rows is not learnt as it stands in the data.</summary>
    private string Remarks(RowSet rows)
    {
        var tally = rows.Tally;
        string[] remarks = [.. ((string?[])
        [
            tally.Cut > 0 ? $"{tally.Cut:n0} of them cut to max_length {Settings.MaxLength:n0}" : null,
            tally.Skipped > 0 ? $"{tally.Skipped:n0} unusable ones left out" : null,
            tally.Unused.Count > 0 ? $"not used: {string.Join(", ", tally.Unused.Keys)}" : null,
        ]).OfType<string>()];
        return remarks.Length == 0 ? "" : $" ({string.Join("; ", remarks)})";
    }

    /// <summary>What a person should know of the run before it begins, beside <see cref="Describe"/>.</summary>
    public IEnumerable<string> Notices => [.. _texts.Notices, .. _data.Notes.Concat(_evalData?.Notes ?? []).Concat(Unmeant()).Select(n => "note: " + n)];

    /// <summary>What settings, adapter and data amount to that may not have been meant.</summary>
    private IEnumerable<string> Unmeant()
    {
        foreach (string notice in RunNotices.Of(Settings, Trainer.TotalSteps)) yield return notice;
        if (_model.UnusedDropout is { Count: > 0 } dropout)
            yield return $"the base's own dropout ({string.Join(", ", dropout)}) does not act; adapter.lora_dropout is the one that does.";
        if (Settings.NewAdapter() is { FanInFanOut: true } && _adapter?.Config.FanInFanOut == false)
            yield return "fan_in_fan_out is false: the targeted layers store their weights [out, in].";
        if (_adapter is not null && RunNotices.Rank(_adapter.Size) is { } rank) yield return rank;
        if (_evalData is not null && RowOverlap.Count(_data.Rows, _evalData.Rows) is > 0 and var known)
            yield return $"{known:n0} of {_evalData.Rows.Count:n0} held-out rows are training rows as well: the evaluation loss is too low by what was learnt by heart.";
    }

    private string Checkpoints()
    {
        List<string> when = [];
        if (Settings.SaveSteps > 0) when.Add($"{Settings.SaveSteps:n0} steps");
        if (Settings.SaveMinutes > 0) when.Add(FormattableString.Invariant($"{Settings.SaveMinutes:0.##} minutes"));
        return when.Count == 0 ? "no checkpoints but on Ctrl-C" : "a checkpoint every " + string.Join(" and every ", when);
    }

    /// <summary>Trains to the end or until stopped, then writes the report if asked; without <paramref name="save"/> neither report nor result is written.</summary>
    public TrainOutcome Go(bool quiet, CancellationToken stop, bool report = true, bool save = true)
    {
        long start = Stopwatch.GetTimestamp();
        TrainOutcome? outcome = null;
        _peakIsOfProcess = !Processor.ResetPeakMemory(); // what reading took is not what the plan is about
        TrainingProgress.During(Trainer.TotalSteps, quiet, progress =>
        {
            _progress = progress;
            outcome = Trainer.Run(stop, save);
            _peakMemory = Processor.PeakMemory; // before the report's samples are generated
        });
        Output.NoTokenizer(_modelPath, (_trainable as FullTrainable)?.NoTokenizer);
        if (outcome!.Finished && report && save) WriteReport(outcome, Stopwatch.GetElapsedTime(start).TotalSeconds);
        return outcome;
    }

    /// <summary>Releases the model.</summary>
    public void Dispose()
    {
        _host?.Detach();
        _model.Dispose();
    }

    private void WriteReport(TrainOutcome outcome, double seconds)
    {
        var log = Folder.ReadLog();
        string title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder.Path)));
        List<ReportStep> steps = [.. log.Where(l => l.ContainsKey("loss")).Select(l => new ReportStep((int)l["step"]!, (double)l["loss"]!, (double)l["grad_norm"]!, (double)l["learning_rate"]!, (double)l["tokens_per_second"]!))];
        ReportHtml.Write(Folder.Report, new ReportData(title, steps, [.. SettingsBinder.ToTree(Settings).Select(p => (p.Key, p.Value?.ToJsonString() ?? "null"))])
        {
            Evaluations = [.. log.Where(l => l.ContainsKey("eval_loss")).Select(l => new ReportEvaluation((int)l["step"]!, (double)l["eval_loss"]!))],
            Samples = Samples(),
            TrainableParameters = TrainedParameters, TotalParameters = _model.ParameterCount,
            AdapterBytes = Directory.EnumerateFiles(outcome.Result!, "*.safetensors").Sum(f => new FileInfo(f).Length),
            Seconds = seconds, Tokens = log.Sum(l => (long?)l["tokens"] ?? 0),
            PeakMemory = _peakMemory, PeakIsOfProcess = _peakIsOfProcess, PlannedMemory = Trainer.Foreseen.PeakBytes, MemoryLimit = Trainer.Plan?.Limit,
            TokensPerSecond = _steps.Count == 0 ? null : _steps.Sum(s => s.Tokens) / Math.Max(1e-9, _steps.Sum(s => s.Seconds)),
            Note = $"Path {Trainer.Path}: {Trainer.PathReason}.",
        });
    }

    /// <summary>A few prompts of the held-out (else the training) rows, answered by the base and by what was trained.</summary>
    private IReadOnlyList<ReportSample> Samples()
    {
        var prompts = (_evalData ?? _data).Prompts(SampleRows).Where(p => p.PromptIds.Length < _model.Spec.MaxPositions).Take(SampleCount).ToList();
        if (prompts.Count == 0 || _texts.Tokenizer is not { } tokenizer) return [];
        GenerationOptions options = new() { Greedy = true, MaxNewTokens = 64, EndIds = _texts.EndIds };
        var requests = prompts.Select(p => new GenerationRequest(p.PromptIds)).ToList();
        IReadOnlyList<GenerationResult> Answers() => new Inference.Generator(_model, tokenizer, _host).Generate(requests, options);
        _model.eval();
        IReadOnlyList<GenerationResult>? before = null;
        if (_host is not null)
            using (_host.Disabled()) before = Answers();
        var after = Answers();
        return [.. prompts.Select((p, i) => new ReportSample(p.Prompt, before?[i].Text, after[i].Text ?? "", p.References[0]))];
    }
}

using System.Diagnostics;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>How a run ended.</summary>
/// <param name="Finished">False where it was stopped between two steps; its checkpoint is written.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Result">The result's folder; null where it was stopped or not to be written.</param>
/// <param name="Last">The last step.</param>
public sealed record TrainOutcome(bool Finished, int Step, string? Result, StepLog? Last);

/// <summary>
/// The training loop. Everything random is a function of the seed and the step, so that a resumed run repeats the uninterrupted one bit for bit.
/// </summary>
public sealed class Trainer
{
    private readonly RunSettings _settings;
    private readonly CausalLM _model;
    private readonly ITrainable _trainable;
    private readonly RowSet _data;
    private readonly RowSet? _evalData;
    private readonly Batcher _batches;
    private readonly RunFolder _folder;
    private readonly Optimizer _optimizer;
    private readonly Schedule _schedule;
    private readonly Tensor[] _trained;
    private readonly string? _fastRefusal;
    private readonly bool _allowFast;
    private int? _sliceTokens;
    private (int Step, double Loss)? _best;
    private int _evaluationsWithoutGain;
    private int? _timed; // the last checkpoint that was written because of the time
    private long _savedAt;

    /// <summary>
    /// Prepares a run; <paramref name="evalData"/> may be null; without <paramref name="allowFast"/> everything goes through automatic differentiation. Steps are computed as <paramref name="plan"/> says;
    /// null: as the setting `memory` asks, if it is there.
    /// </summary>
    /// <exception cref="BadInputException">`memory` is too little for any way of computing a step.</exception>
    public Trainer(RunSettings settings, CausalLM model, ITrainable trainable, RowSet data, RowSet? evalData, RunFolder folder, bool allowFast = true, RunPlan? plan = null)
    {
        foreach (var (argument, name) in ((object?, string)[])[(settings, nameof(settings)), (model, nameof(model)), (trainable, nameof(trainable)), (data, nameof(data)), (folder, nameof(folder))])
            ArgumentNullException.ThrowIfNull(argument, name);
        SettingsBinder.Check(settings);
        CheckAdapter(settings, trainable.Adapter);
        (_settings, _model, _trainable, _data, _evalData, _folder) = (settings, model, trainable, data, evalData, folder);
        _batches = new Batcher(MemoryRows.Of(data.Rows), BatchOptions.Of(settings));
        (StepsPerEpoch, TotalSteps) = RunLength.Of(settings, _batches.BatchesPerEpoch);
        int warmup = settings.WarmupSteps > 0 ? settings.WarmupSteps : (int)Math.Ceiling(settings.WarmupRatio * TotalSteps);
        _schedule = Schedule.Create(settings.LrSchedulerType, settings.LearningRate, warmup, TotalSteps, settings.LrSchedulerKwargs.ToOptions());
        _optimizer = OptimizerFactory.Create(settings, trainable.Tensors);
        _allowFast = allowFast;
        _fastRefusal = allowFast ? FastStep.Refusal(model, trainable.Adapter, settings) : "asked for";
        _trained = [.. trainable.Tensors.Select(t => t.Tensor)];
        Plan = plan;
        if (plan is not null || settings.MemoryLimit() is not { } limit) return;
        GiveBackMemory(); // what is held from here on is counted
        Plan = Foresee(limit, Planner.RuntimeNow(model, settings, trainable));
        if (Plan.PeakBytes > limit)
            throw new BadInputException("the run needs more memory than that, however it is cut", settings.Memory, "memory", $"at least {ByteSize.Show(Plan.SmallestBytes * 1.02)} ({string.Join(", ", Plan.Memory.OrderByDescending(m => m.Bytes).Where(m => m.Bytes > 1e6).Select(m => $"{m.Part} {ByteSize.Show(m.Bytes)}"))})",
                "Raise it, set quantize: nf4, or lower max_length or the adapter's rank; `lowrank plan` tells what each saves.");
    }

    /// <summary>Optimiser steps of one pass over the data.</summary>
    public int StepsPerEpoch { get; }
    /// <summary>Optimiser steps of the whole run.</summary>
    public int TotalSteps { get; }
    /// <summary>How steps are computed: `fast` (by hand) or `autograd`.</summary>
    public string Path => _fastRefusal is null ? "fast" : "autograd";
    /// <summary>Why.</summary>
    public string PathReason => _fastRefusal ?? "a dense decoder with adapters on its projections";
    /// <summary>How the step is fitted to the setting `memory`; null where there is none.</summary>
    public RunPlan? Plan { get; }
    /// <summary>What the run is expected to take: the plan it follows, or one without a limit.</summary>
    public RunPlan Foreseen => Plan ?? Foresee(null, null);
    /// <summary>The step whose checkpoint a resumed run goes on from; 0: the start; null: the newest.</summary>
    public int? FromStep { get; init; }
    /// <summary>Called where something about the folder should be known.</summary>
    public Action<string>? OnNotice { get; init; }
    /// <summary>Called after each step.</summary>
    public Action<StepLog>? OnStep { get; init; }
    /// <summary>Called after each evaluation.</summary>
    public Action<EvalLog>? OnEval { get; init; }

    /// <summary>Runs from the newest checkpoint of the folder, or from the start, to the end or until stopped; without <paramref name="save"/> (for a measurement) the result is not written.</summary>
    /// <exception cref="InvalidOperationException">The folder's run was not begun, or the adapter does not act.</exception>
    public TrainOutcome Run(CancellationToken stop = default, bool save = true)
    {
        ObjectDisposedException.ThrowIf(_model.IsDisposed, _model);
        if (!_folder.Exists) throw new InvalidOperationException($"no run was begun in {_folder.Path}: call RunFolder.Begin before Trainer.Run");
        RequireActing();
        using var held = _folder.Hold();
        if (save) _folder.RequireFreeEnd(_settings.TrainsAll());
        int step = Resume();
        _savedAt = Stopwatch.GetTimestamp();
        StepLog? last = null;
        _trainable.SetTraining(true);
        if (step > 0 && _settings.EvalSteps > 0 && step % _settings.EvalSteps == 0 && !IsEvaluated(step))
            Evaluate(step, stop); // the run was stopped during it
        _sliceTokens ??= Plan?.SliceTokens;
        using var byHand = _fastRefusal is null ? new FastStep(_model, _trainable.Adapter!, plan: Plan is null ? null : new FastPlan(_sliceTokens!.Value, Plan.Memory.First(m => m.Part == "activations").Bytes, _settings.GradientCheckpointing), allAgain: _settings.GradientCheckpointing) : null;
        IMicroStep forwardBackward = (IMicroStep?)byHand ?? new TrainingStep(_model, _settings.Seed, _settings.GradientCheckpointing || Plan is { KeptBlocks: 0 }, _sliceTokens);
        GiveBackMemory();
        while (step < TotalSteps && !Exhausted())
        {
            if (stop.IsCancellationRequested) return Stopped(step, last);
            last = Step(forwardBackward, step++);
            _folder.Append(last.ToJson());
            OnStep?.Invoke(last);
            bool evaluate = _settings.EvalSteps > 0 && step % _settings.EvalSteps == 0;
            if (evaluate) Evaluate(step, stop);
            if ((_settings.SaveSteps > 0 && step % _settings.SaveSteps == 0 && step < TotalSteps) || (evaluate && _settings.LoadBestModelAtEnd && _best?.Step == step)) Save(step);
            else if (_settings.SaveMinutes > 0 && step < TotalSteps && Stopwatch.GetElapsedTime(_savedAt).TotalMinutes >= _settings.SaveMinutes) Save(step, timed: true);
        }
        if (_evalData is not null && (_settings.EvalSteps == 0 || step % _settings.EvalSteps != 0) && !IsEvaluated(step)) Evaluate(step, stop);
        int? best = _settings.LoadBestModelAtEnd && _best?.Step is { } at && at != step && _folder.Steps.Contains(at) ? at : null;
        if (best is not null) _folder.LoadWeights(best.Value, _trainable);
        _trainable.SetTraining(false);
        _folder.NoteLog();
        return new(true, step, save ? SaveResult(step, isLast: best is null) : null, last);
    }

    // ------------------------------------------------------------------------------------------------------------------------------------
    private StepLog Step(IMicroStep forwardBackward, int step)
    {
        RequireActing();
        using var scope = NewDisposeScope();
        long start = Stopwatch.GetTimestamp();
        long epoch = step / StepsPerEpoch, first = (long)(step % StepsPerEpoch) * _settings.GradientAccumulationSteps;
        long count = Math.Min(_settings.GradientAccumulationSteps, _batches.BatchesPerEpoch - first);
        var batches = Enumerable.Range(0, (int)count).Select(i => _batches.BatchAt(epoch * _batches.BatchesPerEpoch + first + i)).ToList();
        long targets = batches.Sum(b => (long)b.TargetTokens);
        long part = StepClock.Tick("batches", start);

        _optimizer.ZeroGradients();
        StepClock.Tick("optimiser", part);
        TargetSums sums = default;
        for (int i = 0; i < batches.Count; i++)
            sums += forwardBackward.Run(batches[i], 1.0 / targets, epoch * _batches.BatchesPerEpoch + first + i);
        part = StepClock.Start();
        double norm = GradientClip.Norm(_trained, _settings.MaxGradNorm > 0 ? _settings.MaxGradNorm : double.PositiveInfinity);
        double rate = _schedule.Rate(step), loss = sums.Loss / targets;
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw NoNumbers($"step {step + 1}: the loss is {loss}, the gradient norm {norm}", rate); // before the weights are changed
        _optimizer.Step(rate);
        StepClock.Tick("optimiser", part);

        // .NET's youngest objects else grow to as much as a cache, of which servers have hundreds of megabytes.
        if (Plan is not null || MemorySettings.IsApplied) GC.Collect(0);
        return new(step + 1, loss, norm, rate, batches.Sum(b => (long)b.Tokens), targets, Stopwatch.GetElapsedTime(start).TotalSeconds, Processor.PeakMemory, (double)(step + 1) / StepsPerEpoch);
    }
    // ------------------------------------------------------------------------------------------------------------------------------------

    // A base that is damaged from the start is no matter of the learning rate.
    private Exception NoNumbers(string found, double rate)
    {
        try { WeightCheck.Require(_model); }
        catch (BadInputException e) { return new BadInputException($"{found}; {e.Problem}", e.Value, e.Place, e.Expected, e.Remedy, e); }
        return new InvalidOperationException($"{found}. Lower learning_rate (now {rate}), or use dtype float32; the newest checkpoint is untouched.");
    }

    private void Evaluate(int step, CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        _trainable.SetTraining(false);
        var batches = _model.Device.type == DeviceType.CPU ? _evalData!.ForEvaluation(RowSet.SmallEvaluationBatch) : _evalData!.ForEvaluation();
        var log = new EvalLog(step, Evaluator.Run(_model, batches, stop), Stopwatch.GetElapsedTime(start).TotalSeconds);
        _trainable.SetTraining(true);
        if (stop.IsCancellationRequested) return; // unfinished: a resume does it again
        if (!double.IsFinite(log.Loss))
            throw NoNumbers($"step {step}: the loss on the held-out rows is {log.Loss}", _schedule.Rate(Math.Max(0, step - 1)));
        _schedule.Observe(log.Loss);
        if (_best is null || log.Loss < _best.Value.Loss - _settings.EarlyStoppingThreshold) (_best, _evaluationsWithoutGain) = ((step, log.Loss), 0);
        else _evaluationsWithoutGain++;
        _folder.Append(log.ToJson());
        OnEval?.Invoke(log);
    }

    // What the run's files say of the adapter has to be what is trained.
    private static void CheckAdapter(RunSettings settings, Adapter? adapter)
    {
        if (settings.InitAdapter is not null) return; // that folder's own configuration holds
        if (adapter is null && settings.Adapter is null) return;
        if (adapter is null || settings.Adapter is null)
            throw new BadInputException(adapter is null ? "the settings ask for an adapter, and all weights are to be trained" : "the settings ask for all weights, and an adapter is to be trained", place: "RunSettings.Adapter",
                remedy: adapter is null ? "Set it to null." : "Set it to the adapter's configuration.");
        List<BadInputException> errors = [.. adapter.DifferencesFrom(LoraConfig.FromJson(settings.Adapter))
            .Select(d => new BadInputException("the settings ask for another adapter than the one to be trained", d.Other, $"RunSettings.Adapter: {d.Key}", $"{d.Own}, as the adapter has it"))];
        if (errors.Count > 0) throw BadInputException.All("the settings and the adapter disagree", errors);
    }

    // Else steps would change nothing, or something that never acts.
    private void RequireActing()
    {
        if (_trainable.Adapter is { IsActing: false } adapter)
            throw new InvalidOperationException($"the adapter {adapter.Name} does not act, so nothing can be learnt: activate it at a strength other than 0, outside merges and Disabled or Rows scopes");
    }

    private RunPlan Foresee(long? limit, long? runtime)
    {
        var rows = MemoryRows.Of(_data.Rows);
        int longest = _settings.Packing ? _settings.MaxLength : Enumerable.Range(0, rows.Count).Max(rows.LengthOf);
        return Planner.Make(_model, _trainable.Adapter, new PlanRequest(_settings, _settings.BatchSize, longest)
        {
            Limit = limit, Runtime = runtime, AllowFast = _allowFast, DataBytes = runtime is null ? _data.HeldBytes + (_evalData?.HeldBytes ?? 0) : 0,
        });
    }

    // What a host holds besides is its own affair.
    private static void GiveBackMemory()
    {
        if (MemorySettings.IsApplied) Processor.GiveBackMemory();
    }

    // Steps whose result cannot be written are not lost: a resume writes it.
    private string SaveResult(int step, bool isLast)
    {
        try
        {
            string result = _trainable.SaveResult(_folder.Path);
            _folder.NoteGoingOn(false);
            return result;
        }
        catch (BadInputException) when (isLast)
        {
            Save(step);
            throw;
        }
    }

    // The log has the evaluation of a step that the run goes on from, unless it was stopped during it.
    private bool IsEvaluated(int step) => _folder.ReadLog().Any(l => l.ContainsKey("eval_loss") && (int)l["step"]! == step);

    private bool Exhausted() => _settings.EarlyStoppingPatience is { } patience && _evaluationsWithoutGain >= patience;

    private TrainOutcome Stopped(int step, StepLog? last)
    {
        Save(step);
        _folder.NoteLog();
        _trainable.SetTraining(false);
        return new(false, step, null, last);
    }

    private void Save(int step, bool timed = false)
    {
        JsonObject state = new()
        {
            ["step"] = step, ["schedule"] = _schedule.State(), ["data_sha256"] = _data.Fingerprint,
            ["eval_sha256"] = _evalData?.Fingerprint,
            ["best_step"] = _best?.Step, ["best_loss"] = _best?.Loss, ["evaluations_without_gain"] = _evaluationsWithoutGain,
            ["slice_tokens"] = _sliceTokens, // the order of sums goes by it: a resumed run keeps it, whatever else is in memory then
        };
        if (timed) state[RunFolder.Timed] = true;
        _folder.SaveCheckpoint(step, _trainable, _optimizer, state);
        int? best = _settings.LoadBestModelAtEnd ? _best?.Step : null;
        if (_timed is { } before && before != step && before != best) _folder.Drop(before);
        _timed = timed ? step : null;
        _savedAt = Stopwatch.GetTimestamp();
        _folder.Prune(_settings.SaveTotalLimit, best);
    }

    // Begun compares all that a run was begun with; this holds also where the loop is used without it, and for the rows at hand.
    private void CheckRows(JsonObject state)
    {
        List<BadInputException> errors = [];
        void Compare(string key, RowSet? rows, string place)
        {
            if (state.ContainsKey(key) && (string?)state[key] != rows?.Fingerprint)
                errors.Add(new("the rows have changed since this run began", rows?.Path ?? "none", place,
                    remedy: "Put the old file back, or start a new run."));
        }
        Compare("data_sha256", _data, "data");
        Compare("eval_sha256", _evalData, "eval_data");
        if (errors.Count > 0) throw BadInputException.All("the run cannot go on", errors, _folder.Path);
    }

    private int Resume()
    {
        int step = _folder.StepToGoOnFrom(FromStep);
        if (step == 0)
        {
            Drop(0);
            return 0;
        }
        var state = _folder.LoadCheckpoint(step, _trainable, _optimizer);
        CheckRows(state);
        _schedule.Restore(state["schedule"]!.AsObject());
        if (state["best_step"] is { } best) _best = ((int)best, (double)state["best_loss"]!);
        _evaluationsWithoutGain = (int)state["evaluations_without_gain"]!;
        _sliceTokens = (int?)state["slice_tokens"];
        if (_folder.IsTimed(step)) _timed = step;
        Drop(step);
        return step;
    }

    // What came after the step that the run goes on from.
    private void Drop(int step)
    {
        _folder.NoteGoingOn(true);
        foreach (string place in _folder.DropAfter(step)) OnNotice?.Invoke($"A damaged checkpoint was set aside: {place}");
        _folder.TruncateLog(step);
    }
}

using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>What a plan is made for, beside model and adapter.</summary>
/// <param name="Settings">The run's.</param>
/// <param name="Rows">Rows of a micro-batch.</param>
/// <param name="Length">Tokens of the longest row.</param>
public sealed record PlanRequest(RunSettings Settings, int Rows, int Length)
{
    /// <summary>The most the process may take; null: as it comes.</summary>
    public long? Limit { get; init; }
    /// <summary>For the time; null: none is counted.</summary>
    public MachineRates? Rates { get; init; }
    /// <summary>A kind of <see cref="QuantizedKinds"/> that the projections are counted in, though the model holds them otherwise; null: as it holds them.</summary>
    public string? Quantize { get; init; }
    /// <summary>Bytes of the program itself, libtorch's and .NET's; null: what was measured (<see cref="Planner.Runtime"/>).</summary>
    public long? Runtime { get; init; }
    /// <summary>Bytes that the rows take; 0 where they are counted in <see cref="Runtime"/>, or unknown.</summary>
    public long DataBytes { get; init; }
    /// <summary>False: automatic differentiation even where the step could be computed by hand.</summary>
    public bool AllowFast { get; init; } = true;
}

/// <summary>Foresees memory and time of a run's steps, and chooses slices, recomputation and micro-batches so that they fit a limit.</summary>
public static class Planner
{
    /// <summary>The program without model and step: .NET, libtorch and the code that is compiled on the way. Measured on Linux x64, CPU libtorch 2.10, two threads.</summary>
    public const long Runtime = 157L << 20;
    private const long CodeToCome = 47L << 20; // of it, what comes only with the first steps, or comes back
    private const long OperatorCode = 16L << 20; // what of libtorch automatic differentiation runs beside that
    private const long Leavings = 26L << 20; // the most that the factors' first values leave in .NET's heap

    /// <summary>The plan; where even the smallest does not fit the limit, that one (its peak tells).</summary>
    public static RunPlan Make(CausalLM model, Adapter? adapter, PlanRequest request)
        => request.AllowFast && FastStep.Refusal(model, adapter, request.Settings) is null ? ByHand(model, adapter!, request) : ByAutograd(model, adapter, request);

    private static RunPlan ByHand(CausalLM model, Adapter adapter, PlanRequest request)
    {
        using var step = new FastStep(model, adapter, 0);
        long tokens = (long)request.Rows * request.Length, trained = adapter.ParameterCount;
        var held = step.Held;
        bool expands = request.Quantize is not null || model.IsQuantized || model.Weights().Any(w => w.Parameter.dim() == 2 && w.Parameter.dtype != model.ComputeDType);
        List<(string, long)> memory =
        [
            ("runtime", request.Runtime ?? Runtime + Math.Min(4 * trained, Leavings)), ("weights", WeightBytes(model, request.Quantize, tokens)), ("adapter", 10 * trained + held.Adapter), ("optimiser", OptimizerBytes(request.Settings, trained)),
            ("scratch", held.Scratch + step.ScratchToCome(request.Quantize is not null)),
        ];
        if (request.DataBytes > 0) memory.Add(("rows", request.DataBytes));
        if (request.Settings.EvalData is not null) memory.Add(("evaluation", EvaluationBytes(model, request.Length)));
        long rest = memory.Sum(m => m.Item2), limit = request.Limit is { } all ? all - rest : FastPlan.DefaultLimit(model.Bytes);
        var plan = FastPlan.Make(step.Widths, model.Spec, step.Blocks, request.Length, limit, tokens, request.Settings.GradientCheckpointing);
        int rows = FastPlan.Rows(plan.SliceTokens, request.Length, tokens), kept = plan.Kept(step.Widths, model.Spec, rows, request.Length, step.Blocks);
        memory.Add(("activations", FastPlan.Bytes(step.Widths, model.Spec, rows, request.Length, step.Blocks, kept)));
        return new()
        {
            Path = "fast", Memory = memory, SliceTokens = Math.Max(plan.SliceTokens, request.Length), Blocks = step.Blocks, KeptBlocks = kept, Limit = request.Limit,
            SmallestBytes = rest + FastPlan.Smallest(step.Widths, model.Spec, step.Blocks, request.Length, tokens),
            Time = request.Rates is { } rates ? StepCosts.ByHand(WorkOf(model, adapter, request, plan.SliceTokens, step.Blocks, kept, expands), rates) : [],
        };
    }

    private static RunPlan ByAutograd(CausalLM model, Adapter? adapter, PlanRequest request)
    {
        bool full = adapter is null;
        int blocks = model.BlockCount;
        long size = Size(model);
        long parameters = model.ParameterCount, trained = adapter?.ParameterCount ?? parameters;
        long copies = full ? size < 4 ? size * parameters : 0 : model.Weights().Where(w => w.Parameter.dtype != model.ComputeDType).Sum(w => w.Parameter.NumberOfElements) * size;
        long tables = full ? (long)model.Spec.VocabularySize * model.Spec.HiddenSize * (size + 4) : 0; // the output layer's gradient, in both dtypes, while it is added to the embedding's
        List<(string, long)> memory =
        [
            ("runtime", request.Runtime ?? Runtime + OperatorCode + (full ? 0 : Math.Min(4 * trained, Leavings))), ("weights", (full ? 4 * parameters : WeightBytes(model, request.Quantize, long.MaxValue)) + copies), ("adapter", full ? 0 : 10 * trained),
            ("gradients", full ? 4 * trained + tables : 0), ("optimiser", OptimizerBytes(request.Settings, trained)),
            ("output layer", OutputBytes(model, (long)request.Rows * request.Length, 3, 2) + (full ? 0 : HeapLogits(model, (long)request.Rows * request.Length))),
        ];
        if (!full && BufferBytes(model) is > 0 and var expanded) memory.Add(("scratch", expanded));
        if (request.DataBytes > 0) memory.Add(("rows", request.DataBytes));
        long rest = memory.Sum(m => m.Item2);
        bool given = request.Settings.GradientCheckpointing;
        var choices = (given ? [true] : (bool[])[false, true]).SelectMany(again => Halves(request.Rows).Select(rows => (Rows: rows, Again: again))).ToList();
        var chosen = request.Limit is not { } limit ? (request.Rows, given)
            : choices.Where(c => rest + Activations(c.Rows, c.Again) <= limit).Concat([choices[^1]]).First();
        memory.Add(("activations", Activations(chosen.Item1, chosen.Item2)));
        int kept = chosen.Item2 ? 0 : blocks;
        return new()
        {
            Path = "autograd", Memory = memory, SliceTokens = chosen.Item1 * request.Length, Blocks = blocks, KeptBlocks = kept, Limit = request.Limit, SmallestBytes = rest + Activations(1, true),
            Time = request.Rates is { } rates ? StepCosts.ByAutograd(WorkOf(model, adapter, request, chosen.Item1 * request.Length, blocks, kept, false), rates) : [],
        };

        // What graphs keep of a token: the inputs of projections and norms and what lies between. Fitted on GPT-2's and SmolLM2's shapes where all weights are trained, on SmolLM2's where adapters are. A third
        // to a half of it is no tensor: the holes that libtorch's aligned blocks leave in glibc's heap.
        long Activations(int rows, bool again)
        {
            var a = model.Spec.Attention;
            long tokens = (long)rows * request.Length, inner = model.Spec.Experts is { } e ? e.Expert.Size * (long)e.PerToken : model.Spec.FeedForward.Size, states = tokens * size * model.Spec.HiddenSize;
            double numbers = tokens * (8.0 * model.Spec.HiddenSize + 3.0 * (a.Heads + 2 * a.KeyHeads) * a.HeadSize + 5 * inner);
            if (full)
            {
                double share = request.Limit is null ? 0.9 : 1.05; // runs of one configuration differ by a tenth, as the allocator has it; under a limit the upper end counts
                return (long)(share * size * (again ? numbers * 3 / 2 : blocks * numbers) + (again ? share * (blocks + 2) * states : 0));
            }
            double block = numbers * (1.065 * size + 0.5) + DroppedNumbers(model, adapter!) * tokens * size * 1.75 / blocks;
            double all = again ? Math.Min(3, blocks - 0.5) * block + (blocks + 2) * states : blocks * block; // one block run again, and its gradients
            return (long)((HeapMargin + all) * (request.Limit is null ? 1 : 1.1));
        }
    }

    private const long HeapMargin = 35L << 20; // half of what the heap grows by at once

    /// <summary>Numbers of a token that go through dropout, all adapted layers together: each layer has its own mask and its own input.</summary>
    private static long DroppedNumbers(CausalLM model, Adapter adapter)
    {
        if (adapter.Config.Dropout == 0) return 0;
        var adapted = adapter.Modules.Select(m => m.Module).ToHashSet();
        return model.Projections().Where(p => adapted.Contains(p.Name)).Sum(p => p.Module.InputSize);
    }

    // Evaluation goes through libtorch's operators while the step's own memory stays: logits of some rows, one block's states, and weights in the dtype computed in where they are stored in another.
    private static long EvaluationBytes(CausalLM model, int length)
    {
        long size = Size(model), tokens = Math.Max(length, RowSet.SmallEvaluationBatch);
        // Logits in the dtype computed in, of the last chunk of a batch, leave holes in the heap: twice as much again.
        return HeapMargin * 3 / 2 + HeapLogits(model, TargetLoss.ChunkRows(model.Spec)) / 2 + OutputBytes(model, TargetLoss.ChunkRows(model.Spec), 2, 1) + TargetLoss.ChunkRows(model.Spec) * (long)model.Spec.VocabularySize * size
            + 3 * tokens * size * (8L * model.Spec.HiddenSize + 3L * model.Spec.FeedForward.Size)
            + model.Weights().Where(w => w.Parameter.dtype != model.ComputeDType).Sum(w => w.Parameter.NumberOfElements) * size + BufferBytes(model);
    }

    private static long Size(CausalLM model) => model.ComputeDType == ScalarType.BFloat16 ? 2 : 4;

    /// <summary>The output loss of a chunk: logits in float32, so many at once; or its matrix, expanded from blocks, beside them in the dtype computed in.</summary>
    private static long OutputBytes(CausalLM model, long tokens, int wide, int narrow)
    {
        long logits = Math.Min(TargetLoss.ChunkRows(model.Spec), tokens) * model.Spec.VocabularySize;
        return Math.Max(wide * logits * sizeof(float), model.Projections().Max(p => Expanded(model, p.Module)) + narrow * logits * Size(model));
    }

    /// <summary>What the logits and their gradients in the dtype computed in take of the heap, on top of what graphs keep, where they are too small for pages of their own.</summary>
    private static long HeapLogits(CausalLM model, long tokens)
        => Math.Min(TargetLoss.ChunkRows(model.Spec), tokens) * model.Spec.VocabularySize * Size(model) is var bytes && bytes < QuantizedWeight.LargestTransient ? 4 * bytes : 0;

    /// <summary>Bytes of the buffer that matrices in blocks are expanded into; larger ones have memory of their own while they are used.</summary>
    private static long BufferBytes(CausalLM model) => model.Projections().Max(p => Expanded(model, p.Module) is var bytes && bytes < QuantizedWeight.LargestTransient ? bytes : 0);

    private static long Expanded(CausalLM model, Projection layer) => layer.Quantized is { } blocks ? blocks.Rows * blocks.Columns * Size(model) : 0;

    private static IEnumerable<int> Halves(int rows)
    {
        for (; rows > 1; rows = (rows + 1) / 2) yield return rows;
        yield return 1;
    }

    /// <summary>Bytes of the weights that steps read: as the model holds them, or with its projections in another kind. Of an embedding that is no output layer, only rows that occur.</summary>
    private static long WeightBytes(CausalLM model, string? kind, long tokens)
    {
        long bytes = model.Bytes;
        if (!model.IsTied && model.Embedding is var table)
            bytes -= Math.Max(0, table.Vocabulary - tokens) * (table.Bytes / table.Vocabulary);
        if (kind is null) return bytes;
        using var scope = NewDisposeScope();
        using var sample = QuantizedKinds.Quantize(kind, zeros(16, 4096));
        foreach (var (_, layer) in model.Projections())
            if (!layer.IsOutputEmbedding) bytes += (long)(layer.InputSize * layer.OutputSize * (sample.Bytes / (16.0 * 4096))) - (layer.Quantized?.Bytes ?? layer.InputSize * layer.OutputSize * layer.Weight.ElementSize);
        return bytes;
    }

    private static long OptimizerBytes(RunSettings settings, long trained)
        => trained * OptimizerBytesOfNumber(settings);

    /// <summary>Bytes that the optimiser keeps for each trained number.</summary>
    internal static int OptimizerBytesOfNumber(RunSettings settings)
        => settings.Optim.StartsWith("adamw", StringComparison.Ordinal) ? 8 : settings.Optim.StartsWith("lion", StringComparison.Ordinal) || settings.OptimArgs?["momentum"] is not null ? 4 : 0;

    private static StepCosts.Work WorkOf(CausalLM model, Adapter? adapter, PlanRequest request, int sliceTokens, int blocks, int kept, bool expands)
    {
        var ranks = adapter?.Modules.ToDictionary(m => m.Module, m => m.Rank) ?? [];
        return new()
        {
            Spec = model.Spec, Layers = [.. model.Projections().Where(p => !p.Module.IsOutputEmbedding).Select(p => new StepCosts.Layer(p.Module.InputSize, p.Module.OutputSize, ranks.GetValueOrDefault(p.Name)))],
            Rows = request.Rows, Length = request.Length, Size = (int)Size(model), SliceTokens = sliceTokens, Blocks = blocks, KeptBlocks = kept,
            Trained = adapter?.ParameterCount ?? model.ParameterCount, Tensors = adapter?.Parameters.Count ?? model.Weights().Count(), Expands = expands, Full = adapter is null,
        };
    }

    /// <summary>The program's own part of what the process holds now, where a model is loaded, and what is trained with its optimiser made, but no step done; and the code to come.</summary>
    internal static long RuntimeNow(CausalLM model, RunSettings settings, ITrainable trainable)
    {
        long trained = trainable.Tensors.Sum(t => t.Tensor.NumberOfElements), own = 4 * trained + OptimizerBytes(settings, trained);
        long mapped = Processor.MemoryOfFiles(model.Source);
        if (trainable.Adapter is not null)
        {
            // What was quantised here, or expanded from a GGUF file's blocks; the rest lies in the file.
            string? held = settings.QuantizeOn(model.Device);
            if (held is not (null or QuantizeChoice.Keep or QuantizeChoice.None)) own += model.Projections().Sum(p => p.Module is { IsOutputEmbedding: false, Quantized: { } blocks } ? blocks.Bytes : 0);
            if (held is null or QuantizeChoice.None && File.Exists(model.Source)) own += model.Weights().Sum(w => w.Parameter.NumberOfElements * w.Parameter.ElementSize);
        }
        return Math.Max(Processor.Memory - own - mapped, 0) + CodeToCome;
    }
}

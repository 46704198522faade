using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>
/// A run's settings: one immutable record, bound once from run.yaml, `--set` and flags (see <see cref="SettingsBinder"/>). Names in files are the
/// properties' in snake_case: PEFT's and Transformers' own, so that recipes carry over.
/// </summary>
public sealed record RunSettings
{
    /// <summary>The base: a Hugging Face folder, a .gguf file, or an embedded model's name.</summary>
    [Required] public string Model { get; init; } = "";
    /// <summary>Training rows: a file or folder, or a list of them, each perhaps with a weight.</summary>
    [Required] public DataSources Data { get; init; } = "";
    /// <summary>Held-out rows for evaluation during training; null: none.</summary>
    public DataSources? EvalData { get; init; }
    /// <summary>A format's keys -> the data's own names for them, as in `{prompt: question, completion: answer}`; null: the same.</summary>
    public JsonObject? Columns { get; init; }
    /// <summary>Keys of rows and of their messages that are known to be of no use, as in `[solution, reward]`; others that nothing is made
    /// of are errors. Null: none.</summary>
    public JsonArray? IgnoreColumns { get; init; }
    /// <summary>The rows' format; null: by each row's keys.</summary>
    public string? DataFormat { get; init; }
    /// <summary>Which end of a row goes where it is longer than <see cref="MaxLength"/>: right or left.</summary>
    public string TruncationSide { get; init; } = "right";
    /// <summary>Whether prompts, and what others than the assistant say, are learnt as well: of rows of every format but those of token ids, whose labels say it.</summary>
    public bool TrainOnInputs { get; init; }
    /// <summary>Which of the assistant's turns those are: all or last.</summary>
    public string AssistantTurns { get; init; } = "all";
    /// <summary>What is done with rows that cannot be used: error, or skip (they are counted).</summary>
    public string BadRows { get; init; } = "error";
    /// <summary>The chat template: a .jinja file, the name of one of the model's, or none; null: the model's own.</summary>
    public string? ChatTemplate { get; init; }
    /// <summary>What chat templates take for today, as 2026-01-31; null: the day on which the run begins.</summary>
    public string? ChatDate { get; init; }
    /// <summary>When tokenised data are kept for the next run: auto (large ones), on, off.</summary>
    public string DataCache { get; init; } = "auto";
    /// <summary>An adapter folder to start from; its own configuration holds.</summary>
    public string? InitAdapter { get; init; }
    /// <summary>The keys of PEFT's adapter_config.json (<see cref="AdapterSection"/>): what is left out has this program's defaults, however the section is given. Null: full fine-tuning of all weights.</summary>
    public JsonObject? Adapter { get; init => field = value is null ? null : AdapterSection.Complete(value); } = AdapterSection.Defaults;

    /// <summary>The schedule's highest rate.</summary>
    [Range(0, 1e3)] public double LearningRate { get; init; } = 2e-4;
    /// <summary>Transformers' name of the schedule.</summary>
    public string LrSchedulerType { get; init; } = "cosine";
    /// <summary>The schedule's own options, by Transformers' names.</summary>
    public JsonObject? LrSchedulerKwargs { get; init; }
    /// <summary>Steps of rising rate; overrides <see cref="WarmupRatio"/> where above 0.</summary>
    [Range(0, int.MaxValue)] public int WarmupSteps { get; init; }
    /// <summary>The same as a share of all steps, rounded up.</summary>
    [Range(0.0, 1.0)] public double WarmupRatio { get; init; }
    /// <summary>Optimiser steps; -1: as many as <see cref="NumTrainEpochs"/> need.</summary>
    [Range(-1, int.MaxValue)] public int MaxSteps { get; init; } = -1;
    /// <summary>Passes over the data; fractions are allowed.</summary>
    [Range(0.0, 1e6)] public double NumTrainEpochs { get; init; } = 1;
    /// <summary>Rows of a micro-batch; with <see cref="Packing"/>, sequences.</summary>
    [Range(1, 1 << 20)] public int BatchSize { get; init; } = 8;
    /// <summary>Micro-batches of a step; the loss is normalised over all their target tokens.</summary>
    [Range(1, 1 << 20)] public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>The optimiser: adamw, sgd, adafactor, lion.</summary>
    public string Optim { get; init; } = "adamw";
    /// <summary>Further options of the optimiser.</summary>
    public JsonObject? OptimArgs { get; init; }
    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 1e3)] public double WeightDecay { get; init; }
    /// <summary>AdamW's first decay rate.</summary>
    [Range(0.0, 1.0)] public double AdamBeta1 { get; init; } = 0.9;
    /// <summary>AdamW's second decay rate.</summary>
    [Range(0.0, 1.0)] public double AdamBeta2 { get; init; } = 0.999;
    /// <summary>AdamW's epsilon.</summary>
    [Range(0.0, 1.0)] public double AdamEpsilon { get; init; } = 1e-8;
    /// <summary>Gradients are scaled down to this norm; 0: never.</summary>
    [Range(0.0, 1e9)] public double MaxGradNorm { get; init; } = 1.0;
    /// <summary>LoRA+: how many times the rate of A that of B is; null: equal.</summary>
    [Range(1e-3, 1e6)] public double? LoraplusLrRatio { get; init; }
    /// <summary>LoRA+: the rate of embedding adapters.</summary>
    [Range(0.0, 1.0)] public double LoraplusLrEmbedding { get; init; } = 1e-6;

    /// <summary>Tokens a row is cut to; a row that loses all its targets is an error.</summary>
    [Range(2, 1 << 22)] public int MaxLength { get; init; } = 1024;
    /// <summary>Several rows share a sequence of <see cref="MaxLength"/> tokens, none seeing another; <see cref="BatchSize"/> then counts sequences.</summary>
    public bool Packing { get; init; }
    /// <summary>A micro-batch's rows lie end to end instead of being padded: the same batches and results, less work.</summary>
    public bool PaddingFree { get; init; }
    /// <summary>Rows of like length come in one batch, as Transformers draws them: less padding, less chance.</summary>
    public bool GroupByLength { get; init; }
    /// <summary>Whether rows come in a new random order each epoch.</summary>
    public bool Shuffle { get; init; } = true;
    /// <summary>Everything random in a run is a function of this.</summary>
    [Range(0, long.MaxValue)] public long Seed { get; init; }
    /// <summary>What is computed in: float32, bfloat16, or auto (bfloat16 where the processor has the instructions).</summary>
    public string Dtype { get; init; } = "auto";
    /// <summary>How the frozen base's projections are held: keep (the file's own blocks), none (expanded), or a kind they are quantised to on loading (nf4, int8, q4_k, ...); null: keep, where it is an adapter that is trained.</summary>
    public string? Quantize { get; init; }
    /// <summary>What full fine-tuning writes its weights in: float32, bfloat16; null: as each was stored.</summary>
    public string? SaveDtype { get; init; }
    /// <summary>Recompute each block in the backward pass: less memory, a third more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>The most memory that the whole process is to take, such as 1.5GB: slices, recomputation and micro-batches are chosen by it, and the results stay the same. Null: no limit.</summary>
    public string? Memory { get; init; }

    /// <summary>Steps between evaluations; 0: none.</summary>
    [Range(0, int.MaxValue)] public int EvalSteps { get; init; }
    /// <summary>Steps between checkpoints; 0: they go by <see cref="SaveMinutes"/> only.</summary>
    [Range(0, int.MaxValue)] public int SaveSteps { get; init; }
    /// <summary>Minutes after which a checkpoint is written where none was, the one before it of this kind going; 0: never. Results stay the same.</summary>
    [Range(0.0, 1e6)] public double SaveMinutes { get; init; } = 10;
    /// <summary>How many of the newest checkpoints are kept, and the best besides; null: all.</summary>
    [Range(1, int.MaxValue)] public int? SaveTotalLimit { get; init; }
    /// <summary>Whether the weights with the lowest evaluation loss are the result, not the last ones.</summary>
    public bool LoadBestModelAtEnd { get; init; }
    /// <summary>Evaluations without improvement after which the run ends; null: never.</summary>
    [Range(1, int.MaxValue)] public int? EarlyStoppingPatience { get; init; }
    /// <summary>How much lower a loss must be to count as an improvement.</summary>
    [Range(0.0, 1e9)] public double EarlyStoppingThreshold { get; init; }

    /// <summary>Whether all weights are trained, no adapter.</summary>
    public bool TrainsAll() => Adapter is null && InitAdapter is null;

    /// <summary>What <see cref="Quantize"/> comes to: a quantised file is kept so under an adapter, where expanding it is cheap (on other devices it would be sent there each time).</summary>
    public string? QuantizeOn(TorchSharp.torch.Device device)
        => Quantize ?? (TrainsAll() ? Models.QuantizeChoice.None : device.type == TorchSharp.DeviceType.CPU ? Models.QuantizeChoice.Keep : null);

    /// <summary>Bytes of <see cref="Memory"/>.</summary>
    public long? MemoryLimit() => Memory is null ? null : Tensors.ByteSize.Parse(Memory, "memory");

    /// <summary>The adapter to make; null where none is, or one is read.</summary>
    public LoraConfig? NewAdapter() => Adapter is null || InitAdapter is not null ? null : AdapterSection.Read(Adapter);
}

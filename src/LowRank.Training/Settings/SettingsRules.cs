using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Rules that tie several settings together. A setting that another one leaves without effect is refused, where it does not merely
/// stand at its default.</summary>
internal static class SettingsRules
{
    private const string AdamW = "adamw", LanguageModel = "CAUSAL_LM";

    /// <summary>Each broken rule. All files are looked at before any work.</summary>
    public static IEnumerable<BadInputException> Check(RunSettings s)
        => [.. DataRules.Check(s), .. Parts(s), .. Computation(s), .. Optimiser(s), .. Warmup(s), .. Evaluation(s)];

    /// <summary>What adapter, schedule, optimiser and amounts themselves object to.</summary>
    private static List<BadInputException> Parts(RunSettings s)
    {
        List<BadInputException> errors = [];
        void Try(Action part)
        {
            try { part(); }
            catch (BadInputException e) { errors.AddRange(e.Parts); }
        }
        if (s.Quantize is not null) Try(() => QuantizeChoice.Check(s.Quantize, "quantize"));
        Try(() => s.MemoryLimit());
        Try(() =>
        {
            if (s.NewAdapter()?.TaskType is { } task && task != LanguageModel)
                throw Bad("adapter: task_type", task, "a run trains a language model", LanguageModel, "Leave it out.");
        });
        // How long the run is, and with it a share of it, is known only with its rows; the schedule is made again then.
        Try(() => Schedule.Create(s.LrSchedulerType, s.LearningRate, s.WarmupSteps > 0 ? s.WarmupSteps : s.WarmupRatio > 0 ? 1 : 0,
            s.MaxSteps > 0 ? s.MaxSteps : int.MaxValue / 2, s.LrSchedulerKwargs.ToOptions()));
        using var scope = NewDisposeScope();
        Try(() => OptimizerFactory.Create(s, [new TrainedTensor("check", zeros(1))]).Dispose());
        return errors;
    }

    private static IEnumerable<BadInputException> Computation(RunSettings s)
    {
        bool full = s.TrainsAll();
        if (s.InitAdapter is not null && !Directory.Exists(s.InitAdapter))
            yield return Bad("init_adapter", s.InitAdapter, "the adapter folder does not exist");
        if (s.Packing && s.GroupByLength)
            yield return Bad("group_by_length", true, "packed sequences are equally full already", "false",
                "Set one of packing and group_by_length.");
        if (s.Packing && s.PaddingFree)
            yield return Bad("padding_free", true, "packed sequences lie end to end already", "false",
                "Set one of packing and padding_free.");
        if (s.Dtype is not ("auto" or "float32" or "bfloat16"))
            yield return Bad("dtype", s.Dtype, "an unknown dtype", "auto, float32 or bfloat16");
        if (s.SaveDtype is not (null or "float32" or "bfloat16"))
            yield return Bad("save_dtype", s.SaveDtype, "an unknown dtype", "float32, bfloat16, or null for the stored one");
        else if (s.SaveDtype is not null && !full)
            yield return Bad("save_dtype", s.SaveDtype, "an adapter is written in float32", "null", "Leave it out, or set adapter: null.");
        if (s.Quantize is not (null or QuantizeChoice.None) && full)
            yield return Bad("quantize", s.Quantize, "weights that are trained cannot be quantised", "null or none",
                "Train an adapter, or leave it out.");
        if (full && s.LoraplusLrRatio is not null) yield return Bad("loraplus_lr_ratio", s.LoraplusLrRatio, "LoRA+ needs an adapter");
        if (s.LoraplusLrRatio is null && s.LoraplusLrEmbedding != Default.LoraplusLrEmbedding)
            yield return Bad("loraplus_lr_embedding", s.LoraplusLrEmbedding, "it is a part of LoRA+, which is off",
                remedy: "Set loraplus_lr_ratio as well.");
        if (s.MaxSteps == 0) yield return Bad("max_steps", 0, "there would be nothing to do", "above 0, or -1 to go by num_train_epochs");
        if (s.MaxSteps < 0 && s.NumTrainEpochs <= 0)
            yield return Bad("num_train_epochs", s.NumTrainEpochs, "there would be nothing to do", "above 0");
    }

    private static IEnumerable<BadInputException> Optimiser(RunSettings s)
    {
        bool adam = s.Optim.StartsWith(AdamW, StringComparison.Ordinal);
        (string, double, double, string)[] own =
        [
            ("adam_beta1", s.AdamBeta1, Default.AdamBeta1, "betas"), ("adam_beta2", s.AdamBeta2, Default.AdamBeta2, "betas"),
            ("adam_epsilon", s.AdamEpsilon, Default.AdamEpsilon, "eps"),
        ];
        foreach (var (key, value, standard, option) in own)
        {
            if (value == standard) continue;
            if (!adam && OptimizerTable.Names.Contains(s.Optim))
                yield return Bad(key, value, $"{s.Optim} does not use it", remedy: $"Leave it out, or set optim: {AdamW}.");
            else if (s.OptimArgs?[option] is not null)
                yield return Bad(key, value, $"optim_args.{option} says it too", remedy: "Leave one of them out.");
        }
    }

    private static IEnumerable<BadInputException> Warmup(RunSettings s)
        => s.WarmupSteps > 0 || s.WarmupRatio > 0 ? []
            : ((string[])["warmup_type", "warmup_lr_rate"]).Where(k => s.LrSchedulerKwargs?[k] is not null)
            .Select(k => Bad("lr_scheduler_kwargs." + k, s.LrSchedulerKwargs![k]!.ToJsonString(), "there is no warm-up",
                remedy: "Set warmup_steps or warmup_ratio as well."));

    private static IEnumerable<BadInputException> Evaluation(RunSettings s)
    {
        if (s.EvalData is null && s.EvalSteps > 0)
            yield return Bad("eval_steps", s.EvalSteps, "there is nothing to evaluate on", remedy: "Give eval_data as well.");
        if (s.EvalSteps == 0 && (s.LoadBestModelAtEnd || s.EarlyStoppingPatience is not null))
            yield return Bad("eval_steps", 0, "keeping the best weights and stopping early need evaluations", "above 0");
        if (s.EarlyStoppingThreshold != 0 && s.EarlyStoppingPatience is null && !s.LoadBestModelAtEnd)
            yield return Bad("early_stopping_threshold", s.EarlyStoppingThreshold, "nothing stops early, and no best weights are kept",
                remedy: "Set early_stopping_patience or load_best_model_at_end as well.");
        if (s.LrSchedulerType is "reduce_lr_on_plateau" or "greedy" && s.EvalSteps == 0)
            yield return Bad("lr_scheduler_type", s.LrSchedulerType, "this schedule follows the evaluation loss",
                remedy: "Give eval_data and eval_steps.");
        if (s.TrainOnInputs && s.AssistantTurns != Default.AssistantTurns)
            yield return Bad("assistant_turns", s.AssistantTurns, "train_on_inputs learns all turns", remedy: "Leave one of them out.");
    }

    private static readonly RunSettings Default = new();

    private static BadInputException Bad(string key, object? value, string problem, string? expected = null, string? remedy = null)
        => new(problem, Convert.ToString(value, CultureInfo.InvariantCulture), key, expected, remedy);
}

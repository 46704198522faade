using System.Globalization;

namespace LowRank.Training;

/// <summary>What settings amount to that whoever gave them may not have meant: allowed, as it is in Transformers and PEFT, but
/// said.</summary>
public static class RunNotices
{
    /// <summary>The sentences, each about one setting.</summary>
    /// <param name="s">The settings.</param>
    /// <param name="totalSteps">Optimiser steps of the run; null: not known.</param>
    public static IReadOnlyList<string> Of(RunSettings s, int? totalSteps)
        => [.. Rate(s, totalSteps), .. Adapter(s), .. Evaluation(s, totalSteps), .. Data(s)];

    /// <summary>About an adapter's rank in the layers that it sits on; null where there is nothing to say.</summary>
    public static string? Rank(AdapterSize size)
    {
        if (size.Wasteful is not [var (layer, rank, most), ..]) return null;
        string others = size.Wasteful.Count == 1 ? "" : $" and {size.Wasteful.Count - 1} other layers";
        string where = layer + others;
        return Text($"r is {rank}, but no change of {where} can have a higher rank than {most}: the rest of the factors is of no use.");
    }

    private static IEnumerable<string> Rate(RunSettings s, int? totalSteps)
    {
        bool relative = s.Optim == "adafactor" && s.OptimArgs?["relative_step"]?.ToString() is "true" or "True";
        if (s.LearningRate == 0 && !relative) yield return "learning_rate is 0: nothing is learnt.";
        if (relative) yield return "adafactor with relative_step makes its own rates: learning_rate and lr_scheduler_type are not used.";
        if (s.WarmupSteps > 0 && s.WarmupRatio > 0)
            yield return Text($"warmup_steps ({s.WarmupSteps}) holds; warmup_ratio ({s.WarmupRatio}) is not used.");
        if (s.MaxSteps > 0 && s.NumTrainEpochs != 1)
            yield return Text($"max_steps ({s.MaxSteps}) holds; num_train_epochs ({s.NumTrainEpochs}) is not used.");
        if (s.WarmupSteps == 0 && s.WarmupRatio == 0) yield break;
        string warmup = s.WarmupSteps > 0 ? Text($"warmup_steps ({s.WarmupSteps})") : Text($"warmup_ratio ({s.WarmupRatio})");
        if (!Schedule.HasWarmup(s.LrSchedulerType))
            yield return $"The schedule {s.LrSchedulerType} has no warm-up: {warmup} is not used."
                + (s.LrSchedulerType == "constant" ? " Set lr_scheduler_type: constant_with_warmup to have one." : "");
        else if (totalSteps is { } total && (s.WarmupSteps >= total || (s.WarmupSteps == 0 && s.WarmupRatio == 1)))
            yield return Text($"The warm-up, {warmup}, is no shorter than the run ({total} steps): the rate never comes to learning_rate.");
    }

    private static IEnumerable<string> Adapter(RunSettings s)
    {
        if (s.Adapter is null) yield break;
        var config = LoraConfig.FromJson(s.Adapter);
        var others = config.AlphaPattern.Select(p => ($"alpha_pattern.{p.Key}", p.Value));
        foreach (var (key, alpha) in others.Prepend(("lora_alpha", config.Alpha)))
            if (alpha == 0) yield return $"{key} is 0: the adapter's output is multiplied by 0, and nothing is learnt.";
            else if (alpha < 0) yield return Text($"{key} is {alpha}, below 0: the adapter's output is subtracted.");
    }

    private static IEnumerable<string> Evaluation(RunSettings s, int? totalSteps)
    {
        if (s.EvalSteps == 0 || totalSteps is not { } total) yield break;
        if (s.EvalSteps > total)
            yield return Text($"eval_steps ({s.EvalSteps}) is beyond the run's {total} steps: it is evaluated once, at its end.");
        // The first evaluation is always the best so far.
        if (s.EarlyStoppingPatience is not { } patience || (patience + 1L) * s.EvalSteps < total) yield break;
        long earliest = (patience + 1L) * s.EvalSteps;
        yield return Text($"early_stopping_patience ({patience}) cannot act: the run could stop after step {earliest} at the earliest, ")
            + Text($"by eval_steps {s.EvalSteps}, and it has {total}.");
    }

    private static IEnumerable<string> Data(RunSettings s)
    {
        if (s.TrainOnInputs)
            yield return "Prompts are learnt as well as answers (train_on_inputs, or assistant_only_loss: false, its old name).";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

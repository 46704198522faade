using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>One optimiser step, as log.jsonl records it.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Loss">Sum over the step's targets divided by their number.</param>
/// <param name="GradNorm">2-norm of all gradients before clipping.</param>
/// <param name="LearningRate">The rate of this step.</param>
/// <param name="Tokens">Tokens read, padding left out.</param>
/// <param name="TargetTokens">Tokens that counted as targets.</param>
/// <param name="Seconds">The step's duration.</param>
/// <param name="PeakMemory">The most memory the process has held, bytes.</param>
/// <param name="Epoch">Passes over the data after this step.</param>
public sealed record StepLog(int Step, double Loss, double GradNorm, double LearningRate, long Tokens, long TargetTokens, double Seconds, long PeakMemory, double Epoch)
{
    /// <summary>Tokens read a second.</summary>
    public double TokensPerSecond => Tokens / Math.Max(Seconds, 1e-9);

    /// <summary>The line of log.jsonl.</summary>
    public JsonObject ToJson() => new()
    {
        ["step"] = Step, ["loss"] = Loss, ["grad_norm"] = GradNorm, ["learning_rate"] = LearningRate, ["tokens"] = Tokens, ["target_tokens"] = TargetTokens,
        ["tokens_per_second"] = TokensPerSecond, ["seconds"] = Seconds, ["peak_memory"] = PeakMemory, ["epoch"] = Epoch,
    };
}

/// <summary>An evaluation during a run, as log.jsonl records it.</summary>
/// <param name="Step">Steps done before it.</param>
/// <param name="Sums">What was found on the held-out rows.</param>
/// <param name="Seconds">Its duration.</param>
public sealed record EvalLog(int Step, TargetSums Sums, double Seconds)
{
    /// <summary>Mean loss of a target.</summary>
    public double Loss => Sums.MeanLoss;

    /// <summary>The line of log.jsonl.</summary>
    public JsonObject ToJson() => new()
    {
        ["step"] = Step, ["eval_loss"] = Loss, ["eval_perplexity"] = Sums.Perplexity,
        ["eval_token_accuracy"] = Sums.Accuracy, ["eval_seconds"] = Seconds,
    };
}

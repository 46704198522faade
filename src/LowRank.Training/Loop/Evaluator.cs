using LowRank.Models;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Loss and token accuracy on held-out rows.</summary>
public static class Evaluator
{
    /// <summary>Runs over all batches without gradients; stops early, with what was found, when asked to.</summary>
    public static TargetSums Run(CausalLM model, IEnumerable<Batch> batches, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        TargetSums sums = default;
        using var nothing = no_grad();
        foreach (var batch in batches)
        {
            if (stop.IsCancellationRequested) break;
            batch.Check(model.Spec.VocabularySize);
            using var scope = NewDisposeScope();
            var (positions, targets) = TargetLoss.Shift(batch.Labels, batch.B, batch.T);
            sums += TargetLoss.Run(model, model.Hidden(TrainingStep.Prepare(model, batch)), positions, targets, null);
            GC.Collect(0); // .NET's youngest objects else grow to as much as a cache
        }
        return sums;
    }
}

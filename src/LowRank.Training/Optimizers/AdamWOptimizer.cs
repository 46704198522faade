using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Adam with decoupled weight decay (arXiv 1711.05101), all parameters of a group in one fused call.</summary>
public sealed class AdamWOptimizer : Optimizer
{
    private readonly double _beta1, _beta2, _epsilon;

    /// <summary>Makes the optimizer and its moments.</summary>
    /// <param name="groups">What is trained.</param>
    /// <param name="beta1">How much of the gradients' running mean stays per step.</param>
    /// <param name="beta2">How much of the squared gradients' running mean stays per step.</param>
    /// <param name="epsilon">Added to the divisor.</param>
    public AdamWOptimizer(IReadOnlyList<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) : base(groups)
    {
        (_beta1, _beta2, _epsilon) = (beta1, beta2, epsilon);
        Prepare();
    }

    private protected override IReadOnlyList<string> SlotNames(Tensor target) => ["step", "exp_avg", "exp_avg_sq"];

    private protected override Tensor[] NewState(Tensor target) => [NewCounter(target.device), ZerosLike(target), ZerosLike(target)];

    private protected override void Update(IReadOnlyList<Entry> entries, double rate, double weightDecay)
        => Ops.AdamW([.. entries.Select(e => e.Target)], [.. entries.Select(e => e.Gradient)], [.. entries.Select(e => e.State[1])],
            [.. entries.Select(e => e.State[2])], [.. entries.Select(e => e.State[0])], rate, _beta1, _beta2, weightDecay, _epsilon);
}

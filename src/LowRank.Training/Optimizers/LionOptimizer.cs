using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Lion (arXiv 2302.06675): steps of equal size in the direction of the sign of a mixed gradient; decoupled weight decay. Wants about a tenth of AdamW's rate.</summary>
public sealed class LionOptimizer : Optimizer
{
    private readonly double _beta1, _beta2;

    /// <summary>Makes the optimizer and its momentum.</summary>
    /// <param name="groups">What is trained.</param>
    /// <param name="beta1">The momentum's share in the direction of a step.</param>
    /// <param name="beta2">How much of the momentum stays per step.</param>
    public LionOptimizer(IReadOnlyList<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.99) : base(groups)
    {
        (_beta1, _beta2) = (beta1, beta2);
        Prepare();
    }

    private protected override IReadOnlyList<string> SlotNames(Tensor target) => ["exp_avg"];

    private protected override Tensor[] NewState(Tensor target) => [ZerosLike(target)];

    private protected override void Update(IReadOnlyList<Entry> entries, double rate, double weightDecay)
    {
        foreach (var entry in entries)
        {
            var momentum = entry.State[0];
            if (weightDecay != 0) Ops.ScaleInPlace(entry.Target, 1 - rate * weightDecay);
            var direction = Ops.AddScaled(Ops.Scale(momentum, _beta1), entry.Gradient, 1 - _beta1).sign_();
            Ops.AddScaledInPlace(entry.Target, direction, -rate);
            Ops.ScaleInPlace(momentum, _beta2);
            Ops.AddScaledInPlace(momentum, entry.Gradient, 1 - _beta2);
        }
    }
}

using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Stochastic gradient descent with optional momentum, dampening and Nesterov's look-ahead; weight decay is added to the gradient.</summary>
public sealed class SgdOptimizer : Optimizer
{
    private readonly double _momentum, _dampening;
    private readonly bool _nesterov;

    /// <summary>Makes the optimizer; without momentum it has no state.</summary>
    /// <param name="groups">What is trained.</param>
    /// <param name="momentum">How much of the running direction stays per step; 0 for none.</param>
    /// <param name="dampening">The share of each further gradient that is kept out of the direction.</param>
    /// <param name="nesterov">Whether to look ahead; needs momentum and no dampening.</param>
    /// <exception cref="BadInputException">Nesterov without momentum or with dampening.</exception>
    public SgdOptimizer(IReadOnlyList<ParameterGroup> groups, double momentum = 0, double dampening = 0, bool nesterov = false) : base(groups)
    {
        if (nesterov && (momentum <= 0 || dampening != 0))
            throw new BadInputException("nesterov needs momentum and no dampening", $"momentum {momentum}, dampening {dampening}", "optim_args.nesterov");
        (_momentum, _dampening, _nesterov) = (momentum, dampening, nesterov);
        Prepare();
    }

    private protected override IReadOnlyList<string> SlotNames(Tensor target) => _momentum == 0 ? [] : ["step", "momentum_buffer"];

    private protected override Tensor[] NewState(Tensor target) => _momentum == 0 ? [] : [NewCounter(CPU), ZerosLike(target)];

    private protected override void Update(IReadOnlyList<Entry> entries, double rate, double weightDecay)
    {
        foreach (var entry in entries)
        {
            var direction = weightDecay == 0 ? entry.Gradient : Ops.AddScaled(entry.Gradient, entry.Target, weightDecay);
            if (_momentum != 0)
            {
                var (step, buffer) = (entry.State[0], entry.State[1]);
                // The first gradient enters the buffer whole, the later ones dampened.
                double share = step.item<float>() == 0 ? 1 : 1 - _dampening;
                step.add_(Scalars.One, Scalars.One);
                Ops.ScaleInPlace(buffer, _momentum);
                Ops.AddScaledInPlace(buffer, direction, share);
                direction = _nesterov ? Ops.AddScaled(direction, buffer, _momentum) : buffer;
            }
            Ops.AddScaledInPlace(entry.Target, direction, -rate);
        }
    }
}

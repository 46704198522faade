using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>The feed-forward part, also one expert of a mixture: [.., H] -> [.., H].</summary>
public sealed class FeedForward : nn.Module<Tensor, Tensor>
{
    private readonly FeedForwardSpec _spec;
    private readonly Projection? _gate, _up, _gateUp;
    private readonly Projection _down;

    internal FeedForward(string name, Parts parts, FeedForwardSpec spec) : base(name)
    {
        _spec = spec;
        var names = parts.Spec.Names;
        long hidden = parts.Spec.HiddenSize;
        if (spec.FusedGateUp) register_module(names.GateUp, _gateUp = parts.Linear(names.GateUp, hidden, 2L * spec.Size, spec.Bias));
        else
        {
            if (spec.Gated) register_module(names.Gate, _gate = parts.Linear(names.Gate, hidden, spec.Size, spec.Bias));
            register_module(names.Up, _up = parts.Linear(names.Up, hidden, spec.Size, spec.Bias));
        }
        register_module(names.Down, _down = parts.Linear(names.Down, spec.Size, hidden, spec.Bias));
    }

    internal (IReadOnlyList<Projection> GateUp, Projection Down) Parts => (_gateUp is not null ? [_gateUp] : _gate is not null ? [_gate, _up!] : [_up!], _down);

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        if (_gateUp is not null)
        {
            var both = _gateUp.call(x);
            return _down.call(_spec.Activation.Apply(both.narrow(-1, 0, _spec.Size)).mul(both.narrow(-1, _spec.Size, _spec.Size)));
        }
        return _gate is null
            ? _down.call(_spec.Activation.Apply(_up!.call(x)))
            : _down.call(_spec.Activation.Apply(_gate.call(x)).mul(_up!.call(x)));
    }
}

using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A bias of the base that trains along (`bias`): the difference to the base's is added to the output.</summary>
internal sealed class TrainedBias : AdapterLayer
{
    private readonly Func<Parameter> _base; // asked anew: model.to(...) makes other parameters
    private readonly Parameter _trained;
    private readonly BaseLayer? _layer;

    private TrainedBias(Func<Parameter> own, BaseLayer? layer, bool targeted)
    {
        (_base, _layer) = (own, layer);
        _trained = Randomness.Keep(own());
        Parameters = [new(targeted ? "base_layer.bias" : "bias", _trained, ParameterRole.Bias)];
    }

    public override IReadOnlyList<LayerParameter> Parameters { get; }

    /// <summary>The biases that a configuration trains, in the model's order.</summary>
    /// <exception cref="BadInputException">`bias: all`, and a module's bias is of no known meaning.</exception>
    public static IEnumerable<TrainedBias> Create(IReadOnlyList<(string Name, nn.Module Module)> modules, IReadOnlyList<BaseLayer> targets, LoraConfig config)
    {
        if (config.Bias == BiasTraining.None) yield break;
        var targeted = targets.Select(t => t.Name).ToHashSet();
        foreach (var (name, module) in modules)
        {
            if (config.Bias == BiasTraining.LoraOnly && !targeted.Contains(name)) continue;
            foreach (var (local, _) in module.named_parameters(recurse: false))
            {
                if (!local.Contains("bias", StringComparison.Ordinal)) continue;
                var layer = LayerKinds.Of(name, module);
                if (local != "bias" || (layer is null && module is not (LayerNorm or (nn.Module<Tensor, Tensor> and IFunctional))))
                    throw new BadInputException("this bias cannot be trained along: where it acts in the module is unknown", $"{name}.{local}", "bias", remedy: "Use bias: lora_only or none.");
                Func<Parameter> own = layer is not null ? () => layer.Bias! : () => module.named_parameters(recurse: false).First(p
                    => p.name == local).parameter;
                yield return new TrainedBias(own, layer, targeted.Contains(name)) { Module = name };
            }
        }
    }

    public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
    {
        var difference = _trained.sub(_base().to_type(_trained.dtype)).to_type(output.dtype);
        if (_layer is not null) difference = _layer.OverOutput(difference, output);
        return strength == 1 ? output.Plus(difference) : Ops.AddScaled(output, difference, strength);
    }

    public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength)
    {
        if (parameter != "bias") return merged;
        var own = _trained.to_type(original.dtype);
        return strength == 1 && ReferenceEquals(merged, original) ? own : Ops.AddScaled(merged, own.sub(original), strength);
    }
}

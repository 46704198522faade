using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A module trained as a whole copy (`modules_to_save`): the copy computes, the base's own stays as it is.</summary>
internal sealed class SavedModule : AdapterLayer
{
    private readonly Func<Tensor, Func<string, Tensor?>, Tensor> _compute;
    private readonly Dictionary<string, Parameter> _copies;
    private readonly bool _casts, _shared;

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    private SavedModule(string name, nn.Module module, Func<Tensor, Func<string, Tensor?>, Tensor> compute, Dictionary<string, Parameter> copies, bool shared = false)
    {
        Module = name;
        (_compute, _copies, _casts, _shared) = (compute, copies, module is IFunctional, shared); // ours cast by themselves: a norm may need its weight wider than what it puts out
        Parameters = shared ? [] : [.. copies.Select(c => new LayerParameter(c.Key, c.Value, ParameterRole.Saved))];
    }

    public override IReadOnlyList<LayerParameter> Parameters { get; }

    /// <summary>Copies a module's parameters.</summary>
    /// <exception cref="BadInputException">The module is of no kind that can be computed with other parameters.</exception>
    public static SavedModule Create(string name, nn.Module module)
    {
        var compute = Compute(name, module) ?? throw new BadInputException($"a module of type {module.GetName()} cannot be trained as a copy", name, "modules_to_save",
            "Linear, Embedding, Conv1d, Conv2d, Conv3d, LayerNorm, or a module that is an IFunctional, ILinearLayer or IEmbeddingLayer", "Name the layers inside it.");
        if ((LayerKinds.Of(name, module) as EmbeddingTable)?.RowRefusal("modules_to_save") is { } refusal) throw refusal;
        return new SavedModule(name, module, compute, Own(module));
    }

    private static Dictionary<string, Parameter> Own(nn.Module module)
    {
        using var scope = NewDisposeScope();
        Dictionary<string, Parameter> copies = module.named_parameters(recurse: false).ToDictionary(p => p.name, p => Randomness.Keep(p.parameter), StringComparer.Ordinal);
        if (LayerKinds.BlocksOf(module) is { } blocks) copies["weight"] = Randomness.Keep(blocks.Dequantize(ScalarType.Float32)); // among no module's parameters
        return copies;
    }

    /// <summary>A tied output layer that computes with this embedding's copy (`ensure_weight_tying`).</summary>
    public SavedModule ForTiedOutput(BaseLayer head) => new(head.Name, head.Module, Compute(head.Name, head.Module)!, _copies, shared: true);

    internal override IEnumerable<(string Suffix, Tensor Value)> Mirrors => _shared ? _copies.Select(c => (c.Key, (Tensor)c.Value)) : [];

    public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
    {
        var own = _compute(x, p => _casts ? _copies.GetValueOrDefault(p) : _copies.GetValueOrDefault(p)?.to_type(baseOutput.dtype));
        if (strength == 1 && ReferenceEquals(output, baseOutput)) return own;
        return Ops.AddScaled(output, own.sub(baseOutput), strength);
    }

    public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength)
    {
        if (!_copies.TryGetValue(parameter, out var copy)) return merged;
        var own = copy.to_type(original.dtype);
        return strength == 1 && ReferenceEquals(merged, original) ? own : Ops.AddScaled(merged, own.sub(original), strength);
    }

    private static Func<Tensor, Func<string, Tensor?>, Tensor>? Compute(string name, nn.Module module) => module switch
    {
        IFunctional functional => functional.Compute,
        LayerNorm norm => (x, p) => nn.functional.layer_norm(x, norm.normalized_shape, p("weight"), p("bias"), norm.eps),
        _ when LayerKinds.Of(name, module) is { } layer => (x, p) =>
        {
            var weight = p("weight")!;
            var y = layer.Apply(layer.IsEmbedding ? x : x.to_type(weight.dtype), weight);
            return p("bias") is { } bias ? y.Plus(layer.OverOutput(bias, y)) : y;
        },
        _ => null,
    };
}

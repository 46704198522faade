using LowRank.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>A module that keeps its parameters itself, so that they can be replaced, as the model room's do.</summary>
internal abstract class OwnModule(string name) : nn.Module<Tensor, Tensor>(name)
{
    protected Dictionary<string, Parameter> Own { get; } = [];

    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) => Own.Select(p => (p.Key, p.Value));
    public override IEnumerable<Parameter> parameters(bool recurse = true) => Own.Values;

    protected Parameter Put(string name, Parameter value)
    {
        var old = Own.GetValueOrDefault(name, value);
        value.DetachFromDisposeScope();
        Own[name] = value;
        return old;
    }
}

/// <summary>A projection, as ILinearLayer.</summary>
internal sealed class OwnLinear : OwnModule, ILinearLayer
{
    public OwnLinear(long inputs, long outputs, ScalarType dtype, bool transposed = false, bool isOutput = false, Parameter? tied = null) : base("OwnLinear")
    {
        (Transposed, IsOutputEmbedding) = (transposed, isOutput);
        Put("weight", tied ?? new Parameter(transposed ? randn(inputs, outputs).to_type(dtype) : randn(outputs, inputs).to_type(dtype)));
        if (tied is null) Put("bias", new Parameter(randn(outputs).to_type(dtype)));
    }

    public Parameter Weight => Own["weight"];
    public Parameter? Bias => Own.GetValueOrDefault("bias");
    public bool Transposed { get; }
    public bool IsOutputEmbedding { get; }

    public (Parameter? Weight, Parameter? Bias) Replace(Parameter? weight, Parameter? bias = null)
        => (weight is null ? null : Put("weight", weight), bias is null ? null : Put("bias", bias));

    public override Tensor forward(Tensor x) => nn.functional.linear(x, Transposed ? Weight.t() : Weight, Bias);
}

/// <summary>A scaled embedding, as IEmbeddingLayer.</summary>
internal sealed class OwnEmbedding : OwnModule, IEmbeddingLayer
{
    public OwnEmbedding(long vocabulary, long size, ScalarType dtype, double scale) : base("OwnEmbedding")
    {
        OutputScale = scale;
        Put("weight", new Parameter(randn(vocabulary, size).to_type(dtype)));
    }

    public Parameter Weight => Own["weight"];
    public double OutputScale { get; }
    public ILinearLayer? TiedOutput { get; set; }
    public Parameter Replace(Parameter weight) => Put("weight", weight);

    public override Tensor forward(Tensor ids) => Weight.index_select(0, ids.flatten()).reshape([.. ids.shape, Weight.size(1)]).mul(Scalars.Of(OutputScale));
}

/// <summary>A norm of our own kind: float32 whatever it is used in.</summary>
internal sealed class OwnNorm : OwnModule, IFunctional
{
    public OwnNorm(long size) : base("OwnNorm") => Put("weight", new Parameter(randn(size)));

    public override Tensor forward(Tensor x) => Compute(x, _ => null);
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter) => input.mul(parameter("weight") ?? Own["weight"]);
    public ScalarType ComputeDType => ScalarType.Float32;
    public Parameter Replace(string name, Parameter value) => Put(name, value);
}

/// <summary>A tiny tied language model: embed, q_proj, lm_head over the embedding's table; "deep" nests a block.</summary>
internal sealed class TiedModel : nn.Module<Tensor, Tensor>
{
    public readonly OwnEmbedding Embed = new(11, 6, ScalarType.Float32, 2.5);
    public readonly OwnLinear Projection = new(6, 6, ScalarType.Float32);
    public readonly OwnNorm Norm = new(6);
    public readonly OwnLinear Head;

    public TiedModel() : base("TiedModel")
    {
        Head = new OwnLinear(6, 11, ScalarType.Float32, isOutput: true, tied: Embed.Weight);
        Embed.TiedOutput = Head;
        register_module("embed_tokens", Embed);
        var layer = new Group("layers");
        layer.register_module("q_proj", Projection);
        register_module("layers", layer);
        register_module("norm", Norm);
        register_module("lm_head", Head);
    }

    public override Tensor forward(Tensor ids) => Head.call(Norm.call(Projection.call(Embed.call(ids)).tanh()));

    private sealed class Group(string name) : nn.Module(name);
}

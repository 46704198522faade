using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>What the two sorts of linear layers share. A [r, in], B [out, r].</summary>
public abstract class LinearBase : BaseLayer
{
    private protected LinearBase(string name, nn.Module<Tensor, Tensor> module) : base(name, module) { }

    /// <inheritdoc/>
    public override bool IsLinear => true;
    /// <inheritdoc/>
    public override long FanIn => Weight.size(Transposed ? 0 : 1);
    /// <inheritdoc/>
    public override long Outputs => Weight.size(Transposed ? 1 : 0);
    /// <inheritdoc/>
    public override long[] ShapeA(int rank) => [rank, FanIn];
    /// <inheritdoc/>
    public override long[] ShapeB(int rank) => [Outputs, rank];
    /// <inheritdoc/>
    public override Tensor Down(Tensor x, Tensor a, ScalarType dtype) => nn.functional.linear(x.to_type(dtype), a.to_type(dtype));
    /// <inheritdoc/>
    public override Tensor Up(Tensor low, Tensor b, Tensor? bias) => nn.functional.linear(low, b.to_type(low.dtype), bias?.to_type(low.dtype));
    /// <inheritdoc/>
    public override Tensor Delta(Tensor a, Tensor b) => Transposed ? b.mm(a).t() : b.mm(a);
    /// <inheritdoc/>
    public override Tensor Apply(Tensor x, Tensor weight) => nn.functional.linear(x, Transposed ? weight.t() : weight);
    /// <inheritdoc/>
    public override Tensor Norm(Tensor weight) => Ops.Length(weight, Transposed ? 0 : 1, keep: false);
    /// <inheritdoc/>
    public override Tensor OverWeight(Tensor vector) => Transposed ? vector.unsqueeze(0) : vector.unsqueeze(1);
}

/// <summary>torch's Linear.</summary>
public sealed class TorchLinear : LinearBase
{
    private readonly Linear _module;

    internal TorchLinear(string name, Linear module) : base(name, module) => _module = module;

    /// <inheritdoc/>
    public override Parameter Weight => _module.weight;
    /// <inheritdoc/>
    public override Parameter? Bias => _module.bias;
}

/// <summary>A projection of our own, or GPT-2's transposed linear.</summary>
public sealed class ProjectionLayer : LinearBase
{
    private readonly ILinearLayer _layer;

    internal ProjectionLayer(string name, nn.Module<Tensor, Tensor> module) : base(name, module) => _layer = (ILinearLayer)module;

    /// <inheritdoc/>
    public override Parameter Weight => _layer.Weight;
    /// <inheritdoc/>
    public override long FanIn => _layer.InputSize;
    /// <inheritdoc/>
    public override long Outputs => _layer.OutputSize;
    /// <inheritdoc/>
    public override Parameter? Bias => _layer.Bias;
    /// <inheritdoc/>
    public override bool Transposed => _layer.Transposed;
    /// <inheritdoc/>
    public override bool IsOutputEmbedding => _layer.IsOutputEmbedding;
}

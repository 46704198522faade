using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>y = x·Wᵀ + b, [.., in] -> [.., out], over a weight that stays as it is stored. GPT-2's transposed linear is this with <see cref="Transposed"/>.</summary>
public sealed class Projection : StoredModule, ILinearLayer, IFunctional
{
    private readonly StoredWeight _weight;
    private readonly StoredWeight? _bias;
    private readonly ScalarType _computeDType;

    internal Projection(string name, Parameter weight, Parameter? bias, ScalarType computeDType, bool transposed = false, bool isOutput = false) : base(name)
    {
        _computeDType = computeDType;
        _weight = Keep("weight", weight, computeDType);
        if (bias is not null) _bias = Keep("bias", bias, computeDType);
        (Transposed, IsOutputEmbedding) = (transposed, isOutput);
    }

    /// <inheritdoc/>
    public Parameter Weight => _weight.Parameter;
    /// <inheritdoc/>
    public Parameter? Bias => _bias?.Parameter;
    /// <summary>The weight in the compute dtype; owned by this module.</summary>
    public Tensor ComputeWeight => _weight.Compute();
    /// <summary>The bias in the compute dtype, or null.</summary>
    public Tensor? ComputeBias => _bias?.Compute();
    /// <inheritdoc/>
    public bool Transposed { get; }
    /// <inheritdoc/>
    public bool IsOutputEmbedding { get; }
    /// <summary>Width of the input.</summary>
    public long InputSize => Weight.size(Transposed ? 0 : 1);
    /// <summary>Width of the output.</summary>
    public long OutputSize => Weight.size(Transposed ? 1 : 0);

    /// <inheritdoc/>
    public override Tensor forward(Tensor x) => Apply(x, _weight.Compute(), _bias?.Compute());

    /// <inheritdoc/>
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter)
        => Apply(input, (parameter("weight") ?? Weight).to(_computeDType), (parameter("bias") ?? Bias)?.to(_computeDType));

    /// <inheritdoc/>
    public (Parameter Weight, Parameter? Bias) Replace(Parameter weight, Parameter? bias = null)
    {
        var old = _weight.Replace(weight);
        if (bias is null) return (old, Bias);
        if (_bias is null) throw new ArgumentException("the layer has no bias to replace", nameof(bias));
        return (old, _bias.Replace(bias));
    }

    private Tensor Apply(Tensor x, Tensor weight, Tensor? bias)
        => nn.functional.linear(x, Transposed ? weight.t() : weight, bias);
}

using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// y = x·Wᵀ + b, [.., in] -> [.., out], over a weight that stays as it is stored, plainly or in quantised blocks. GPT-2's transposed linear is this with <see cref="Transposed"/>.
/// </summary>
public sealed class Projection : StoredModule, ILinearLayer, IFunctional
{
    private readonly StoredWeight _weight;
    private readonly StoredWeight? _bias;
    private readonly ScalarType _computeDType;
    private readonly QuantizedProduct.Fault _fault = new();

    internal Projection(string name, Parameter weight, Parameter? bias, ScalarType computeDType, bool transposed = false, bool isOutput = false) : base(name)
    {
        _computeDType = computeDType;
        _weight = Keep("weight", weight, computeDType);
        if (bias is not null) _bias = Keep("bias", bias, computeDType);
        (Transposed, IsOutputEmbedding) = (transposed, isOutput);
    }

    internal Projection(string name, QuantizedWeight weight, Parameter? bias, ScalarType computeDType, bool transposed = false, bool isOutput = false, Func<Tensor>? original = null) : base(name)
    {
        _computeDType = computeDType;
        _weight = Keep("weight", weight, computeDType);
        if (bias is not null) _bias = Keep("bias", bias, computeDType);
        (Transposed, IsOutputEmbedding, Original) = (transposed, isOutput, original);
    }

    /// <inheritdoc/>
    public Parameter Weight => _weight.Parameter;
    /// <inheritdoc/>
    public QuantizedWeight? Quantized => _weight.Quantized;
    /// <inheritdoc/>
    public ScalarType ComputeDType => _computeDType;
    /// <inheritdoc/>
    public Func<Tensor>? Original { get; }
    /// <inheritdoc/>
    public Parameter? Bias => _bias?.Parameter;
    /// <summary>The weight in the compute dtype. Owned by this module; of a quantised one a new expansion in the current dispose scope.</summary>
    public Tensor ComputeWeight => _weight.Compute();
    /// <summary>The bias in the compute dtype, or null.</summary>
    public Tensor? ComputeBias => _bias?.Compute();
    /// <inheritdoc/>
    public bool Transposed { get; }
    /// <inheritdoc/>
    public bool IsOutputEmbedding { get; }
    /// <inheritdoc/>
    public long InputSize => _weight.Size(Transposed ? 0 : 1);
    /// <inheritdoc/>
    public long OutputSize => _weight.Size(Transposed ? 1 : 0);

    internal object WeightIdentity => _weight.Identity;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        if (_weight.Quantized is not { } quantized) return Apply(x, _weight.Compute(), _bias?.Compute());
        return _bias?.Compute() is { requires_grad: true } trained
            ? QuantizedProduct.Of(x, quantized, Transposed, null, _fault).Plus(trained)
            : QuantizedProduct.Of(x, quantized, Transposed, _bias?.Compute(), _fault);
    }

    /// <inheritdoc/>
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter)
        => Apply(input, parameter("weight")?.to(_computeDType) ?? _weight.Compute(), (parameter("bias") ?? Bias)?.to(_computeDType));

    /// <inheritdoc/>
    public (Parameter? Weight, Parameter? Bias) Replace(Parameter? weight, Parameter? bias = null)
    {
        if (bias is not null && _bias is null) throw new ArgumentException("the layer has no bias to replace", nameof(bias));
        var old = weight is null ? null : _weight.Replace(weight);
        return (old, bias is null ? null : _bias!.Replace(bias));
    }

    /// <inheritdoc/>
    public Parameter? Replace(QuantizedWeight weight) => _weight.Replace(weight);

    private Tensor Apply(Tensor x, Tensor weight, Tensor? bias)
        => nn.functional.linear(x, Transposed ? weight.t() : weight, bias);
}

using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>x / √(mean(x²) + ε)·w over the last dimension, the mean in float32.</summary>
public sealed class RmsNorm : StoredModule, IFunctional
{
    private readonly StoredWeight _weight;
    private readonly NormSpec _spec;
    private readonly ScalarType _computeDType;
    private readonly TorchSharp.Scalar _epsilon, _perElement;

    internal RmsNorm(string name, Parameter weight, NormSpec spec, ScalarType computeDType) : base(name)
    {
        (_spec, _computeDType) = (spec, computeDType);
        _weight = Keep("weight", weight, ComputeDType);
        (_epsilon, _perElement) = (Scalars.Of(spec.Epsilon), Scalars.Of(1.0 / weight.size(0)));
    }

    /// <summary>The stored weight, [dim].</summary>
    public Parameter Weight => _weight.Parameter;

    /// <summary>What the normalised numbers are multiplied with, [dim] in float32: the weight, plus 1 where the family says so.</summary>
    public float[] Factors()
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        float[] weight = Weight.detach().cpu().to(ScalarType.Float32).data<float>().ToArray();
        return _spec.UnitOffset ? [.. weight.Select(w => 1 + w)] : weight;
    }
    /// <summary>ε.</summary>
    public double Epsilon => _spec.Epsilon;

    /// <inheritdoc/>
    public ScalarType ComputeDType => InFloat32 ? ScalarType.Float32 : _computeDType;

    private bool InFloat32 => _spec.WeightInFloat32 || _spec.UnitOffset;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x) => Normalise(x, _weight.Compute());

    /// <inheritdoc/>
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter)
        => Normalise(input, (parameter("weight") ?? Weight).to(ComputeDType));

    private Tensor Normalise(Tensor x, Tensor weight)
    {
        var wide = x.to(ScalarType.Float32);
        var length = Ops.Length(wide, -1, keep: true); // one pass over x; x² itself is never stored
        var normal = wide.mul(length.Squared().mul(_perElement).Plus(_epsilon).rsqrt());
        if (_spec.UnitOffset) weight = weight.Plus(Scalars.One);
        return InFloat32 ? normal.mul(weight).to(_computeDType) : normal.to(_computeDType).mul(weight);
    }
}

/// <summary>(x - mean) / √(variance + ε)·w + b over the last dimension.</summary>
public sealed class LayerNorm : StoredModule, IFunctional
{
    private readonly StoredWeight _weight, _bias;
    private readonly double _epsilon;
    private readonly long[] _shape;
    private readonly ScalarType _computeDType;

    internal LayerNorm(string name, Parameter weight, Parameter bias, NormSpec spec, ScalarType computeDType) : base(name)
    {
        (_epsilon, _shape, _computeDType) = (spec.Epsilon, [weight.size(0)], computeDType);
        (_weight, _bias) = (Keep("weight", weight, computeDType), Keep("bias", bias, computeDType));
    }

    /// <summary>The stored weight, [dim].</summary>
    public Parameter Weight => _weight.Parameter;
    /// <summary>The stored bias, [dim].</summary>
    public Parameter Bias => _bias.Parameter;
    /// <summary>ε.</summary>
    public double Epsilon => _epsilon;
    /// <inheritdoc/>
    public ScalarType ComputeDType => _computeDType;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x) => nn.functional.layer_norm(x, _shape, _weight.Compute(), _bias.Compute(), _epsilon);

    /// <inheritdoc/>
    public Tensor Compute(Tensor input, Func<string, Tensor?> parameter)
        => nn.functional.layer_norm(input, _shape, (parameter("weight") ?? Weight).to(_computeDType), (parameter("bias") ?? Bias).to(_computeDType), _epsilon);
}

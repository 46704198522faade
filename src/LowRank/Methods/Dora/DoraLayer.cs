using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>DoRA on one layer of any kind. The norm is a constant to the gradient (section 4.3 of the paper); the base's bias is not scaled.</summary>
internal sealed class DoraLayer(BaseLayer layer, LoraConfig config, LoraFactors factors, Parameter magnitude) : AdapterLayer
{
    private readonly double _dropout = layer.IsEmbedding ? 0 : config.Dropout;

    public override IReadOnlyList<LayerParameter> Parameters { get; } = [.. factors.Describe(layer), new("lora_magnitude_vector", magnitude, ParameterRole.Magnitude)];
    public override int Rank { get; } = config.RankOf(layer.Name);
    public override double Scale { get; } = config.ScaleOf(layer.Name);
    public override string? MergeRefusal => layer.MergeRefusal;

    public override Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training)
    {
        var dtype = layer.IsEmbedding ? baseOutput.dtype : x.dtype;
        Tensor plain;
        if (training && _dropout > 0)
        {
            x = nn.functional.dropout(x, _dropout, true);
            plain = layer.Apply(x, layer.Weight.to_type(dtype)); // the base must see the same dropped input, as in PEFT
        }
        else plain = layer.Bias is null ? baseOutput : baseOutput.sub(layer.OverOutput(layer.Bias.to_type(baseOutput.dtype), baseOutput));
        var gain = Gain(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32);
        if (gain.dim() > 1) gain = layer.OverOutput(gain, baseOutput);
        var delta = plain.mul(gain.sub(Scalars.One).to_type(dtype)).Plus(factors.Delta(layer, x, dtype, Scale, 1).mul(gain.to_type(dtype)));
        return (strength == 1 ? output.Plus(delta.to_type(output.dtype)) : Ops.AddScaled(output, delta.to_type(output.dtype), strength));
    }

    public override Tensor Merge(string parameter, Tensor original, Tensor merged, double strength)
    {
        if (parameter != "weight") return merged;
        var directed = Directed(layer, factors, Scale, original.dtype, original);
        var tuned = directed.mul(layer.OverWeight(Gain(magnitude.to_type(original.dtype), layer.Norm(directed))));
        return Ops.AddScaled(merged, tuned.sub(original), strength);
    }

    /// <summary>W + s·BA.</summary>
    public static Tensor Directed(BaseLayer layer, LoraFactors factors, double scale, ScalarType dtype, Tensor? weight = null)
        => Ops.AddScaled(weight ?? layer.Weight.to_type(dtype), layer.Delta(factors.A.to_type(dtype), factors.B.to_type(dtype)), scale);

    private Tensor Gain(ScalarType dtype)
    {
        Tensor norm;
        using (no_grad()) norm = layer.Norm(Directed(layer, factors, Scale, dtype));
        return Gain(magnitude.to_type(dtype), norm);
    }

    // m / norm, and 0 where the norm is 0: zeros have no direction to scale. (PEFT divides 0 by 0 there.) Dividing by infinity makes the gradient 0 too.
    private static Tensor Gain(Tensor magnitude, Tensor norm)
        => magnitude.div(norm.masked_fill(norm.eq(Scalars.Zero), Scalars.Of(double.PositiveInfinity)));
}

using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>Keeps the gradients' common length within a bound.</summary>
public static class GradientClip
{
    private static readonly Scalar Small = Scalars.Of(1e-6);

    /// <summary>Scales all gradients by min(1, maxNorm / (norm + 1e-6)) in place and returns their norm before that; parameters without a gradient do not count.</summary>
    /// <param name="parameters">Any tensors of one device.</param>
    /// <param name="maxNorm">The bound; infinity only measures.</param>
    public static double Norm(IEnumerable<Tensor> parameters, double maxNorm)
    {
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] gradients = [.. parameters.Select(p => p.grad).OfType<Tensor>()];
        if (gradients.Length == 0) return 0;
        var norm = Ops.NormOf([.. gradients.Select(g => g.dtype == ScalarType.Float32 ? g : g.to_type(ScalarType.Float32))]);
        if (double.IsFinite(maxNorm))
        {
            // Multiplied always, also with 1, as the reference does: a branch would wait for the device.
            var factor = Ops.Scale(norm.add(Small, Scalars.One).reciprocal(), maxNorm).clamp_max(Scalars.One);
            foreach (var same in gradients.GroupBy(g => g.dtype))
                Ops.ScaleAllInPlace([.. same], factor.to_type(same.Key));
        }
        return norm.item<float>();
    }
}

using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// LoftQ (Li et al. 2023, arXiv 2310.08659): in turn, Q becomes the quantised W - s·B·A, and s·B·A the best approximation of rank r to W - Q. The base keeps Q, so the
/// adapter belongs to this base only. At s = 1 the factors are PEFT's; at other scales PEFT starts from a model that is not near W, here B and A carry 1/√s each.
/// </summary>
internal static class LoftQ
{
    /// <summary>Checks that all targets can start so, before the first changes its base.</summary>
    /// <exception cref="BadInputException">A target is no linear layer held in nf4, or what it was quantised from is not known.</exception>
    public static void Check(IEnumerable<BaseLayer> targets, LoraConfig config)
    {
        foreach (var layer in targets)
        {
            BadInputException Bad(string problem, string? value, string remedy) => new(problem, value, layer.Name, "a linear layer quantised to nf4 on loading", remedy);
            if (layer.Module is not ILinearLayer linear) throw Bad("LoftQ starts from quantised linear layers only", layer.Module.GetName(), "Target projections only.");
            if (linear.Quantized is not Bnb4Weight { Kind: "nf4" or "nf4-double" }) throw Bad("LoftQ needs a base quantised to 4 bits", linear.Quantized?.Kind ?? "not quantised", "Load the plain model with quantize: nf4.");
            if (linear.Original is null) throw Bad("LoftQ needs the weights from which the base was quantised", "a model stored in nf4", "Load the plain model with quantize: nf4.");
            if (config.RankOf(layer.Name) is var rank && rank > Math.Min(linear.InputSize, linear.OutputSize)) throw Bad("the rank is larger than the layer", $"r = {rank}", "Choose a smaller r.");
        }
    }

    /// <summary>A [r, in] and B [out, r] of a layer; its base becomes Q.</summary>
    public static (Parameter A, Parameter B) Start(BaseLayer layer, LoraConfig config, int rank)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var linear = (ILinearLayer)layer.Module;
        var old = (Bnb4Weight)linear.Quantized!;
        Tensor weight = linear.Original!().to_type(ScalarType.Float32), rest = weight;
        Bnb4Weight? blocks = null;
        Tensor a = weight, b = weight;
        for (int i = 0; i < config.LoftqIterations; i++)
        {
            blocks?.Dispose();
            blocks = Bnb4Weight.Quantize("nf4", rest, old.BlockSize, old.Nested);
            var lost = weight.sub(blocks.Dequantize(ScalarType.Float32));
            (a, b) = Decompose(layer.Transposed ? lost.t() : lost, rank);
            var product = b.mm(a);
            rest = weight.sub(layer.Transposed ? product.t() : product);
        }
        double share = 1 / Math.Sqrt(config.ScaleOf(layer.Name));
        var result = (Randomness.Keep(Ops.Scale(a, share)), Randomness.Keep(Ops.Scale(b, share)));
        linear.Replace(blocks!);
        old.Dispose();
        return result;
    }

    // U·√S and √S·Vᵀ of the r largest singular values.
    private static (Tensor A, Tensor B) Decompose(Tensor matrix, int rank)
    {
        var (u, s, v) = linalg.svd(matrix, fullMatrices: false);
        var root = s.narrow(0, 0, rank).sqrt();
        return (v.narrow(0, 0, rank).mul(root.unsqueeze(1)), u.narrow(1, 0, rank).mul(root));
    }
}

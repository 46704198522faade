using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>DoRA: m·(W + s·B·A)/‖W + s·B·A‖, magnitude and direction trained apart (Liu et al. 2024, arXiv 2402.09353).</summary>
internal sealed class DoraMethod : IAdapterMethod
{
    public string Name => "DoRA";

    public bool Handles(LoraConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config.UseDora;
    }

    public AdapterLayer Create(BaseLayer layer, LoraConfig config, Randomness random)
    {
        var factors = LoraFactors.Create(layer, config, random);
        return new DoraLayer(layer, config, factors, StartMagnitude(layer, config, factors)) { Module = layer.Name };
    }

    // ‖W + s·BA‖, which is not ‖W‖ where B does not start at zero; so that the adapter changes nothing at first.
    private static Parameter StartMagnitude(BaseLayer layer, LoraConfig config, LoraFactors factors)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var weight = layer.Weight; // once: a quantised layer expands it for each caller
        var dtype = weight.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        return Randomness.Keep(layer.Norm(DoraLayer.Directed(layer, factors, config.ScaleOf(layer.Name), dtype, weight.to_type(dtype))));
    }
}

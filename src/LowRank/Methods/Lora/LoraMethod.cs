using TorchSharp.Modules;

namespace LowRank;

/// <summary>LoRA: W + s·B·A (Hu et al. 2021, arXiv 2106.09685).</summary>
internal sealed class LoraMethod : IAdapterMethod
{
    public string Name => "LoRA";

    public bool Handles(LoraConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return !config.UseDora;
    }

    public AdapterLayer Create(BaseLayer layer, LoraConfig config, Randomness random) => new LoraLayer(layer, config, LoraFactors.Create(layer, config, random)) { Module = layer.Name };
}

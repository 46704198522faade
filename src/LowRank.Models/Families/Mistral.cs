namespace LowRank.Models;

/// <summary>Mistral: llama with a sliding window in every layer (where the file does not say null).</summary>
internal static class Mistral
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 32000, Hidden = 4096, Inner = 14336, Layers = 32, Heads = 32, KeyHeads = 8, MaxPositions = 4096 * 32,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "mistral");
        int? window = LayerReader.Window(c, 4096);
        return spec with
        {
            Layers = [.. spec.Layers.Select(l => l with { Window = window })],
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }
}

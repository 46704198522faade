namespace LowRank.Models;

/// <summary>Phi 3 and 4: fused qkv and gate_up, longrope, partial rotation.</summary>
internal static class Phi3
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 32064, Hidden = 3072, Inner = 8192, Layers = 32, Heads = 32, MaxPositions = 4096, Epsilon = 1e-5,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "phi3");
        int? window = LayerReader.Window(c, null);
        c.MustBe("attention_bias", false);
        c.Has("original_max_position_embeddings"); // of effect with longrope only
        return spec with
        {
            Layers = [.. spec.Layers.Select(l => l with { Window = window })],
            Attention = spec.Attention with { Layout = QkvLayout.Concatenated },
            FeedForward = spec.FeedForward with { FusedGateUp = true },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta, partial: 1)],
        };
    }
}

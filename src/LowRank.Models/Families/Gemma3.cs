namespace LowRank.Models;

/// <summary>Gemma 3 (text): Gemma 2 without caps, norms on queries and keys, five sliding layers to a full one, each kind with its rope.</summary>
internal static class Gemma3
{
    private const double Theta = 1e6, LocalTheta = 1e4;

    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 262208, Hidden = 2304, Inner = 9216, Layers = 26, Heads = 8, KeyHeads = 4, HeadSize = 256, MaxPositions = 131072, Tied = true,
        Activation = "gelu_pytorch_tanh", ActivationKey = "hidden_activation",
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Gemma2.Sandwich(c, Defaults.Read(c, "gemma3_text"), scoreCap: null, logitCap: null);
        int pattern = c.Has("sliding_window_pattern") ? c.Count("sliding_window_pattern", 6) : c.Count("_sliding_window_pattern", 6);
        c.Has("_sliding_window_pattern");
        int? window = LayerReader.Window(c, 4096);
        bool[] sliding = LayerReader.Sliding(c, spec.Layers.Count, i => (i + 1) % pattern != 0);
        return spec with
        {
            Layers = [.. spec.Layers.Select((l, i) => l with { Window = sliding[i] ? window : null, Rope = sliding[i] ? 1 : 0 })],
            Attention = spec.Attention with { QkNorm = QkNorm.PerHead },
            Ropes = Ropes(c, spec),
        };
    }

    // Today one object per kind of layer; formerly rope_theta (with rope_scaling) and rope_local_base_freq.
    private static RopeSpec[] Ropes(ConfigReader c, DecoderSpec spec)
    {
        int size = spec.Attention.HeadSize;
        double theta = c.Number("rope_theta", Theta), local = c.Number("rope_local_base_freq", LocalTheta);
        var both = c.Object("rope_parameters");
        var full = both?.Object("full_attention") ?? c.Object("rope_scaling");
        c.Has("rope_scaling");
        RopeSpec[] ropes =
        [
            RopeReader.Of(full, c, size, spec.MaxPositions, theta),
            RopeReader.Of(both?.Object("sliding_attention"), c, size, spec.MaxPositions, local),
        ];
        both?.RefuseUnknown(_ => false);
        return ropes;
    }
}

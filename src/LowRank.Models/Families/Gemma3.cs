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
        int pattern = c.Count(c.OneOf("sliding_window_pattern", "_sliding_window_pattern"), 6);
        int? window = LayerReader.Window(c, 4096);
        bool[] sliding = LayerReader.Sliding(c, spec.Layers.Count, i => (i + 1) % pattern != 0);
        return spec with
        {
            Layers = [.. spec.Layers.Select((l, i) => l with { Window = sliding[i] ? window : null, Rope = sliding[i] ? 1 : 0 })],
            Attention = spec.Attention with { QkNorm = QkNorm.PerHead },
            Ropes = Ropes(c, spec),
        };
    }

    // Today one object per kind of layer; formerly rope_theta (with rope_scaling) and rope_local_base_freq. Where a file has both, Transformers lays rope_scaling over the full layers' object.
    private static RopeSpec[] Ropes(ConfigReader c, DecoderSpec spec)
    {
        RopeFamily full = new(c, spec.Attention.HeadSize, spec.MaxPositions, Theta), sliding = full with { Theta = LocalTheta, ThetaKey = "rope_local_base_freq" };
        var both = c.Filled("rope_parameters");
        ConfigReader? parameters = both?.Filled("full_attention"), scaling = c.Filled("rope_scaling");
        RopeSpec[] ropes = [RopeReader.Both(full, parameters, parameters is null ? scaling : scaling is null ? null : parameters.Under(scaling)), RopeReader.Of(sliding, both?.Filled("sliding_attention"))];
        both?.RefuseUnknown(_ => false);
        return ropes;
    }
}

namespace LowRank.Models;

/// <summary>Gemma 2: norms on both sides of each part, soft caps on scores and logits, a window in every other layer.</summary>
internal static class Gemma2
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 256000, Hidden = 2304, Inner = 9216, Layers = 26, Heads = 8, KeyHeads = 4, HeadSize = 256, MaxPositions = 8192, Tied = true,
        Activation = "gelu_pytorch_tanh", ActivationKey = "hidden_activation",
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Sandwich(c, Defaults.Read(c, "gemma2"), scoreCap: 50, logitCap: 30);
        int? window = LayerReader.Window(c, 4096);
        bool[] sliding = LayerReader.Sliding(c, spec.Layers.Count, i => i % 2 == 0);
        return spec with
        {
            Layers = [.. spec.Layers.Select((l, i) => l with { Window = sliding[i] ? window : null })],
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }

    /// <summary>What Gemma 2 and 3 share; the caps are those of an absent key.</summary>
    internal static DecoderSpec Sandwich(ConfigReader c, DecoderSpec spec, double? scoreCap, double? logitCap)
    {
        spec = Gemma.Common(c, spec);
        c.Has("hidden_act"); // an old name that Gemma 2 and 3 do not read
        double scalar = c.Number("query_pre_attn_scalar", 256);
        if (scalar <= 0) c.Wrong("query_pre_attn_scalar", $"{scalar}", "more than 0");
        return spec with
        {
            Attention = spec.Attention with { Scale = 1 / Math.Sqrt(scalar), SoftCap = Cap(c, "attn_logit_softcapping", scoreCap) },
            LogitSoftCap = Cap(c, "final_logit_softcapping", logitCap),
            Names = new()
            {
                AttentionOutputNorm = "post_attention_layernorm", FeedForwardNorm = "pre_feedforward_layernorm", FeedForwardOutputNorm = "post_feedforward_layernorm",
            },
        };
    }

    private static double? Cap(ConfigReader c, string key, double? absent) => c.OptionalNumber(key) ?? (c.Contains(key) ? null : absent);
}

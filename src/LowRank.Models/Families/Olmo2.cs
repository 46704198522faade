namespace LowRank.Models;

/// <summary>OLMo 2: norms behind each part instead of in front, and on queries and keys over their whole width.</summary>
internal static class Olmo2
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 50304, Hidden = 4096, Inner = 11008, Layers = 32, Heads = 32, MaxPositions = 2048, Epsilon = 1e-5,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "olmo2");
        bool bias = c.Flag("attention_bias", false);
        return spec with
        {
            Attention = spec.Attention with { QkNorm = QkNorm.WholeWidth, QkvBias = bias, OutputBias = bias },
            Norm = spec.Norm with { WeightInFloat32 = true },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
            Names = new()
            {
                InputNorm = null, AttentionOutputNorm = "post_attention_layernorm", FeedForwardNorm = null, FeedForwardOutputNorm = "post_feedforward_layernorm",
            },
        };
    }
}

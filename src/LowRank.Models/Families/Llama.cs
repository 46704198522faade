namespace LowRank.Models;

/// <summary>Llama 1 to 3, SmolLM 1 and 2, and what else calls itself llama: every rope kind, optional biases.</summary>
internal static class Llama
{
    private static readonly DecoderDefaults Defaults = new() { Vocabulary = 32000, Hidden = 4096, Inner = 11008, Layers = 32, Heads = 32, MaxPositions = 2048 };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "llama");
        bool bias = c.Flag("attention_bias", false);
        c.MustBe("rope_interleaved", false);
        return spec with
        {
            Attention = spec.Attention with { QkvBias = bias, OutputBias = bias },
            FeedForward = spec.FeedForward with { Bias = c.Flag("mlp_bias", false) },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }
}

namespace LowRank.Models;

/// <summary>Granite 3: llama with multipliers on embeddings, scores, residuals and logits.</summary>
internal static class Granite
{
    private static readonly DecoderDefaults Defaults = new() { Vocabulary = 32000, Hidden = 4096, Inner = 11008, Layers = 32, Heads = 32, MaxPositions = 2048 };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "granite");
        bool bias = c.Flag("attention_bias", false);
        double logits = c.Number("logits_scaling", 1);
        if (logits == 0) c.Wrong("logits_scaling", "0", "a number other than 0: logits are divided by it");
        return spec with
        {
            Attention = spec.Attention with { QkvBias = bias, OutputBias = bias, Scale = c.Number("attention_multiplier", 1) },
            FeedForward = spec.FeedForward with { Bias = c.Flag("mlp_bias", false) },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
            EmbeddingScale = c.Number("embedding_multiplier", 1),
            ResidualScale = c.Number("residual_multiplier", 1),
            LogitScale = 1 / logits,
        };
    }
}

namespace LowRank.Models;

/// <summary>Gemma 1: 1 + weight norms, embeddings times √H, tanh-GELU, wide heads, tied.</summary>
internal static class Gemma
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 256000, Hidden = 3072, Inner = 24576, Layers = 28, Heads = 16, KeyHeads = 16, HeadSize = 256, MaxPositions = 8192, Tied = true,
        Activation = "gelu_pytorch_tanh",
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "gemma");
        // The first files say "gelu" and mean its tanh form: Transformers has read them so ever since.
        var activation = c.Has("hidden_activation") ? c.ActivationOf("hidden_activation", "gelu_pytorch_tanh") : spec.FeedForward.Activation;
        if (activation == Activation.Gelu) activation = Activation.GeluTanh;
        spec = Common(c, spec);
        return spec with
        {
            FeedForward = spec.FeedForward with { Activation = activation },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }

    /// <summary>What all Gemmas have.</summary>
    internal static DecoderSpec Common(ConfigReader c, DecoderSpec spec)
    {
        bool bias = c.Flag("attention_bias", false);
        c.MustBe("use_bidirectional_attention", false);
        return spec with
        {
            Attention = spec.Attention with { QkvBias = bias, OutputBias = bias },
            Norm = spec.Norm with { UnitOffset = true, WeightInFloat32 = true },
            EmbeddingScale = Math.Sqrt(spec.HiddenSize),
        };
    }
}

namespace LowRank.Models;

/// <summary>GPT-2: learned positions, LayerNorm, one qkv projection, plain feed-forward, weights stored [in, out].</summary>
internal static class Gpt2
{
    public static DecoderSpec Read(ConfigReader c)
    {
        int hidden = c.Size("n_embd", 768), heads = c.Size("n_head", 12);
        if (hidden % heads != 0) c.Wrong("n_embd", $"{hidden}", $"a multiple of the {heads} heads");
        int size = Math.Max(1, hidden / heads);
        c.MustBe("scale_attn_by_inverse_layer_idx", false);
        c.MustBe("add_cross_attention", false);
        return new()
        {
            ModelType = "gpt2", VocabularySize = c.Size("vocab_size", 50257), HiddenSize = hidden, MaxPositions = c.Size("n_positions", 1024),
            Layers = [.. Enumerable.Repeat(new LayerSpec(Rope: null), c.Layers("n_layer", 12))],
            Attention = new()
            {
                Heads = heads, KeyHeads = heads, HeadSize = size, Scale = c.Flag("scale_attn_weights", true) ? 1 / Math.Sqrt(size) : 1,
                Layout = QkvLayout.Concatenated, QkvBias = true, OutputBias = true,
            },
            FeedForward = new() { Size = c.Size("n_inner", 4 * hidden), Activation = c.ActivationOf("activation_function", "gelu_new"), Gated = false, Bias = true },
            Norm = new(c.Number("layer_norm_epsilon", 1e-5), IsLayerNorm: true),
            Ropes = [],
            Tied = c.Flag("tie_word_embeddings", true),
            TransposedLinear = true,
            Names = new()
            {
                Base = "transformer", Embedding = "wte", PositionEmbedding = "wpe", Layers = "h", FinalNorm = "ln_f", Attention = "attn", Qkv = "c_attn", Output = "c_proj",
                Up = "c_fc", Down = "c_proj", InputNorm = "ln_1", FeedForwardNorm = "ln_2",
            },
        };
    }
}

namespace LowRank.Models;

/// <summary>GPT-NeoX and Pythia: LayerNorm, attention and feed-forward side by side, qkv interleaved by head, a quarter of each head rotated.</summary>
internal static class GptNeoX
{
    public static DecoderSpec Read(ConfigReader c)
    {
        int hidden = c.Size("hidden_size", 6144), heads = c.Size("num_attention_heads", 64), maxPositions = c.Count("max_position_embeddings", 2048);
        if (hidden % heads != 0) c.Wrong("hidden_size", $"{hidden}", $"a multiple of the {heads} heads");
        int size = Math.Max(1, hidden / heads);
        bool bias = c.Flag("attention_bias", true);
        return new()
        {
            ModelType = "gpt_neox", VocabularySize = c.Size("vocab_size", 50432), HiddenSize = hidden, MaxPositions = maxPositions,
            Layers = [.. Enumerable.Repeat(new LayerSpec(), c.Layers("num_hidden_layers", 44))],
            Attention = new()
            {
                Heads = heads, KeyHeads = heads, HeadSize = size, Scale = 1 / Math.Sqrt(size), Layout = QkvLayout.PerHead, QkvBias = bias, OutputBias = bias,
            },
            FeedForward = new() { Size = c.Size("intermediate_size", 24576), Activation = c.ActivationOf("hidden_act", "gelu"), Gated = false, Bias = true },
            Norm = new(c.Number("layer_norm_eps", 1e-5), IsLayerNorm: true),
            Ropes = [RopeReader.Read(c, size, maxPositions, 10000, 0.25, "rotary_emb_base", "rotary_pct")],
            Tied = c.Flag("tie_word_embeddings", false),
            ParallelResidual = c.Flag("use_parallel_residual", true),
            Names = new()
            {
                Base = "gpt_neox", Embedding = "embed_in", FinalNorm = "final_layer_norm", Head = "embed_out", Attention = "attention", Qkv = "query_key_value", Output = "dense",
                Up = "dense_h_to_4h", Down = "dense_4h_to_h",
            },
        };
    }
}

namespace LowRank.Models;

/// <summary>What Transformers takes where a family's config.json leaves a key out.</summary>
internal sealed record DecoderDefaults
{
    public required int Vocabulary { get; init; }
    public required int Hidden { get; init; }
    public required int Inner { get; init; }
    public required int Layers { get; init; }
    public required int Heads { get; init; }
    /// <summary>null: as many as heads.</summary>
    public int? KeyHeads { get; init; }
    /// <summary>null: hidden / heads.</summary>
    public int? HeadSize { get; init; }
    public required int MaxPositions { get; init; }
    public double Epsilon { get; init; } = 1e-6;
    public double Theta { get; init; } = 10000;
    public bool Tied { get; init; }
    public string Activation { get; init; } = "silu";
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>Reads the keys that llama's kin share into a pre-norm gated decoder with one rope; families change what is theirs.</summary>
    public DecoderSpec Read(ConfigReader c, string modelType)
    {
        int hidden = c.Size("hidden_size", Hidden), heads = c.Size("num_attention_heads", Heads), layers = c.Layers("num_hidden_layers", Layers);
        int keyHeads = c.Has("num_key_value_heads") ? c.Size("num_key_value_heads", heads) : KeyHeads ?? heads;
        int headSize = c.Has("head_dim") ? c.Size("head_dim", 1) : HeadSize ?? hidden / heads;
        if (heads % keyHeads != 0) c.Wrong("num_key_value_heads", $"{keyHeads}", $"a divisor of the {heads} heads");
        if (!c.Has("head_dim") && HeadSize is null && hidden % heads != 0) c.Wrong("hidden_size", $"{hidden}", $"a multiple of the {heads} heads");
        if (c.Has("head_dim")) c.CheckProduct("head_dim", heads, headSize);
        int maxPositions = c.Count("max_position_embeddings", MaxPositions);
        return new()
        {
            ModelType = modelType, VocabularySize = c.Size("vocab_size", Vocabulary), HiddenSize = hidden, MaxPositions = maxPositions,
            Layers = [.. Enumerable.Repeat(new LayerSpec(), layers)],
            Attention = new() { Heads = heads, KeyHeads = keyHeads, HeadSize = headSize, Scale = 1 / Math.Sqrt(headSize) },
            FeedForward = new() { Size = c.Size("intermediate_size", Inner), Activation = c.ActivationOf(ActivationKey, Activation) },
            Norm = new(c.Number("rms_norm_eps", Epsilon)),
            Ropes = [],
            Names = new(),
            Tied = c.Flag("tie_word_embeddings", Tied),
        };
    }
}

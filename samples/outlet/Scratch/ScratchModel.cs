namespace Outlet;

/// <summary>The shape of the base and its first weights: Transformers' names and initialisation for a llama.</summary>
public static class ScratchModel
{
    /// <summary>Tokens.</summary>
    public const int Vocabulary = 768;
    /// <summary>Width of the residual stream.</summary>
    public const int Hidden = 128;
    /// <summary>Decoder blocks.</summary>
    public const int Layers = 4;
    /// <summary>Query heads.</summary>
    public const int Heads = 4;
    /// <summary>Key and value heads; two query heads share one.</summary>
    public const int KeyValueHeads = 2;
    /// <summary>Width of the gated feed-forward part.</summary>
    public const int Intermediate = 512;

    /// <summary>Every tensor: its name, shape `[out, in]` or `[width]`, and values; matrices from a normal distribution of deviation 0.02, norms one.</summary>
    public static IEnumerable<(string Name, int[] Shape, float[] Values)> Weights(ulong seed)
    {
        const int KeyValue = Hidden / Heads * KeyValueHeads;
        yield return Matrix("model.embed_tokens.weight", Vocabulary, Hidden);
        for (int i = 0; i < Layers; i++)
        {
            string block = $"model.layers.{i}.";
            yield return Norm(block + "input_layernorm.weight");
            yield return Matrix(block + "self_attn.q_proj.weight", Hidden, Hidden);
            yield return Matrix(block + "self_attn.k_proj.weight", KeyValue, Hidden);
            yield return Matrix(block + "self_attn.v_proj.weight", KeyValue, Hidden);
            yield return Matrix(block + "self_attn.o_proj.weight", Hidden, Hidden);
            yield return Norm(block + "post_attention_layernorm.weight");
            yield return Matrix(block + "mlp.gate_proj.weight", Intermediate, Hidden);
            yield return Matrix(block + "mlp.up_proj.weight", Intermediate, Hidden);
            yield return Matrix(block + "mlp.down_proj.weight", Hidden, Intermediate);
        }
        yield return Norm("model.norm.weight");

        (string, int[], float[]) Matrix(string name, int rows, int columns)
        {
            var random = new SplitMix(seed, name);
            var values = new float[rows * columns];
            for (int i = 0; i < values.Length; i++) values[i] = (float)(0.02 * random.Normal());
            return (name, [rows, columns], values);
        }
        static (string, int[], float[]) Norm(string name) => (name, [Hidden], [.. Enumerable.Repeat(1f, Hidden)]);
    }

    /// <summary>The folder's `config.json`.</summary>
    public static object Config => new
    {
        architectures = new[] { "LlamaForCausalLM" },
        model_type = "llama",
        vocab_size = Vocabulary,
        hidden_size = Hidden,
        intermediate_size = Intermediate,
        num_hidden_layers = Layers,
        num_attention_heads = Heads,
        num_key_value_heads = KeyValueHeads,
        head_dim = Hidden / Heads,
        hidden_act = "silu",
        rms_norm_eps = 1e-5,
        rope_theta = 10000.0,
        max_position_embeddings = 256,
        initializer_range = 0.02,
        tie_word_embeddings = true,
        attention_bias = false,
        mlp_bias = false,
        bos_token_id = (int?)null,
        eos_token_id = 0,
        pad_token_id = 1,
        dtype = "float32",
    };
}

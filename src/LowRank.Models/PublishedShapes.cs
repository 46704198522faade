using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>The config.json of published models, for measuring without their weights: sizes, rotary settings and tying are theirs.</summary>
public static class PublishedShapes
{
    private static readonly (string Name, string Config)[] Rows =
    [
        // huggingface.co/HuggingFaceTB/SmolLM2-135M
        ("smollm2-135m", """
            {
              "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
              "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 100000,
              "max_position_embeddings": 8192, "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "dtype": "bfloat16"
            }
            """),
        // huggingface.co/Qwen/Qwen2.5-0.5B
        ("qwen2.5-0.5b", """
            {
              "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
              "num_attention_heads": 14, "num_key_value_heads": 2, "hidden_act": "silu", "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
              "max_position_embeddings": 32768, "tie_word_embeddings": true, "use_sliding_window": false, "dtype": "bfloat16"
            }
            """),
        // huggingface.co/meta-llama/Llama-3.2-1B
        ("llama-3.2-1b", """
            {
              "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
              "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
              "rope_scaling": { "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192 },
              "max_position_embeddings": 131072, "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "dtype": "bfloat16"
            }
            """),
        // huggingface.co/openai-community/gpt2
        ("gpt2", """
            {
              "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05, "tie_word_embeddings": true, "dtype": "bfloat16"
            }
            """),
    ];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Rows.Select(r => r.Name)];

    /// <summary>A shape's config.json.</summary>
    /// <exception cref="BadInputException">There is no such shape.</exception>
    public static JsonObject Config(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Rows.FirstOrDefault(r => r.Name == name).Config is { } config ? (JsonObject)JsonNode.Parse(config)!
            : throw new BadInputException("there is no such shape", name, expected: string.Join(", ", Names),
                remedy: NearNames.Sentence(name, Names));
    }
}

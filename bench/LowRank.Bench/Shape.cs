using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>A llama's sizes, and a folder with random weights of them: speed does not depend on what a weight is.</summary>
internal sealed record Shape(int Layers, int Hidden, int Intermediate, int Heads, int KeyValueHeads, int HeadSize, int Vocabulary)
{
    /// <summary>SmolLM2-135M's; embedding and output are one.</summary>
    public static Shape SmolLM2 { get; } = new(30, 576, 1536, 9, 3, 64, 49152);

    /// <summary>Writes config.json and model.safetensors, bfloat16, normal with deviation 0.02, norms one.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"), ["model_type"] = "llama", ["vocab_size"] = Vocabulary, ["hidden_size"] = Hidden, ["intermediate_size"] = Intermediate,
            ["num_hidden_layers"] = Layers, ["num_attention_heads"] = Heads, ["num_key_value_heads"] = KeyValueHeads, ["head_dim"] = HeadSize, ["hidden_act"] = "silu", ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 100000, ["max_position_embeddings"] = 8192, ["tie_word_embeddings"] = true, ["attention_bias"] = false, ["mlp_bias"] = false, ["dtype"] = "bfloat16",
        };
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using var scope = NewDisposeScope();
        using var nothing = no_grad();
        random.manual_seed(1);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. Weights()]);
    }

    private IEnumerable<(string Name, Tensor Tensor)> Weights()
    {
        yield return ("model.embed_tokens.weight", Random(Vocabulary, Hidden));
        for (int i = 0; i < Layers; i++)
        {
            string at = $"model.layers.{i}.";
            yield return (at + "input_layernorm.weight", ones(Hidden, ScalarType.BFloat16));
            yield return (at + "self_attn.q_proj.weight", Random(Heads * HeadSize, Hidden));
            yield return (at + "self_attn.k_proj.weight", Random(KeyValueHeads * HeadSize, Hidden));
            yield return (at + "self_attn.v_proj.weight", Random(KeyValueHeads * HeadSize, Hidden));
            yield return (at + "self_attn.o_proj.weight", Random(Hidden, Heads * HeadSize));
            yield return (at + "post_attention_layernorm.weight", ones(Hidden, ScalarType.BFloat16));
            yield return (at + "mlp.gate_proj.weight", Random(Intermediate, Hidden));
            yield return (at + "mlp.up_proj.weight", Random(Intermediate, Hidden));
            yield return (at + "mlp.down_proj.weight", Random(Hidden, Intermediate));
        }
        yield return ("model.norm.weight", ones(Hidden, ScalarType.BFloat16));
    }

    private static Tensor Random(long rows, long columns)
    {
        using var scope = NewDisposeScope();
        return Ops.Scale(randn(rows, columns), 0.02).to(ScalarType.BFloat16).MoveToOuterDisposeScope();
    }
}

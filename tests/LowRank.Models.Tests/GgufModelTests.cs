using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

public class GgufModelTests
{
    /// <summary>Keys that Transformers writes with its defaults and that say nothing about the mathematics.</summary>
    private static readonly string[] Defaults = ["initializer_range", "pretraining_tp", "transformers_version", "use_cache"];

    [Fact]
    public void SmolLM2_has_the_config_and_the_values_of_the_golden()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Paths.Shared("goldens/smollm2/metadata.json")));
        var expected = JsonNode.Parse(File.ReadAllText(Paths.Shared("goldens/smollm2/hf/config.json")))!.AsObject();
        var (config, weights, metadata) = GgufModel.Open(Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
        using var owner = weights;
        foreach (var (key, value) in expected)
            if (!Defaults.Contains(key)) Assert.True(JsonNode.DeepEquals(value, config[key]), $"{key}: {config[key]?.ToJsonString()} instead of {value?.ToJsonString()}");
        Assert.Equal(expected.Select(e => e.Key).Except(Defaults).Order(), config.Select(c => c.Key).Order());
        Assert.Equal("smollm", metadata["tokenizer.ggml.pre"]);

        JsonElement[] tensors = [.. golden.RootElement.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(tensors.Select(t => t.GetProperty("hf").GetString()).Order(), weights.Names.Order());
        foreach (var tensor in tensors)
        {
            using var scope = NewDisposeScope();
            string name = tensor.GetProperty("hf").GetString()!;
            var got = weights.Get(name);
            var flat = got.reshape(-1);
            double sum = flat.sum(ScalarType.Float64).item<double>(), absolute = flat.abs().sum(ScalarType.Float64).item<double>();
            Assert.Equal(tensor.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()), got.shape);
            Assert.Equal(tensor.GetProperty("first").EnumerateArray().Select(s => (float)s.GetDouble()), flat.narrow(0, 0, 6).data<float>().ToArray());
            Assert.Equal(tensor.GetProperty("last").EnumerateArray().Select(s => (float)s.GetDouble()), flat.narrow(0, flat.shape[0] - 6, 6).data<float>().ToArray());
            Assert.Equal(tensor.GetProperty("sum").GetDouble(), sum, 1e-9 * Math.Max(1, tensor.GetProperty("sum_abs").GetDouble()));
            Assert.Equal(1, absolute / tensor.GetProperty("sum_abs").GetDouble(), 1e-9);
        }
    }

    /// <summary>A model of one block, hidden size 8, 2 heads of 4, 1 key/value head, with the tensors of <paramref name="blocks"/> (name and shape) beside the embedding and the last norm.</summary>
    private static GgufBuilder Model(string architecture, params (string Name, long[] Shape)[] blocks)
    {
        var builder = new GgufBuilder().Set("general.architecture", architecture);
        foreach (var (key, value) in new (string, object)[]
        {
            ("block_count", 1u), ("context_length", 64u), ("embedding_length", 8u), ("feed_forward_length", 6u), ("attention.head_count", 2u), ("attention.head_count_kv", 1u),
            ("attention.layer_norm_rms_epsilon", 1e-5f), ("rope.freq_base", 10000f),
        })
            builder.Set($"{architecture}.{key}", value);
        builder.Tensor("token_embd.weight", [10, 8], Ramp(80)).Tensor("output_norm.weight", [8], Ramp(8));
        foreach (var (name, shape) in blocks) builder.Tensor(name, shape, Ramp((int)shape.Aggregate(1L, (a, b) => a * b)));
        return builder;
    }

    private static float[] Ramp(int count) => [.. Enumerable.Range(0, count).Select(i => i * 0.5f + 0.25f)];

    private static (JsonObject Config, Dictionary<string, float[]> Weights) Read(GgufBuilder builder)
    {
        var (config, weights, _) = GgufModel.Open(builder.Save());
        using var owner = weights;
        using var scope = NewDisposeScope();
        return (config, weights.Names.ToDictionary(n => n, n => weights.Get(n).reshape(-1).data<float>().ToArray()));
    }

    private static BadInputException Refused(GgufBuilder builder) => Assert.Throws<BadInputException>(() => GgufModel.Open(builder.Save()));

    [Fact]
    public void Llama_rows_of_q_and_k_and_their_biases_go_back_to_halves()
    {
        var (config, weights) = Read(Model("llama", ("blk.0.attn_q.weight", [8, 8]), ("blk.0.attn_k.weight", [4, 8]), ("blk.0.attn_v.weight", [4, 8]), ("blk.0.attn_output.weight", [8, 8]),
            ("blk.0.attn_q.bias", [8]), ("blk.0.attn_k.bias", [4]), ("blk.0.attn_v.bias", [4]), ("blk.0.attn_output.bias", [8]), ("output.weight", [10, 8])));
        float[] q = Ramp(64), k = Ramp(32);
        int[] rows = [0, 2, 1, 3, 4, 6, 5, 7];
        Assert.Equal(rows.SelectMany(r => q[(r * 8)..(r * 8 + 8)]), weights["model.layers.0.self_attn.q_proj.weight"]);
        Assert.Equal(rows[..4].SelectMany(r => k[(r * 8)..(r * 8 + 8)]), weights["model.layers.0.self_attn.k_proj.weight"]);
        Assert.Equal(rows.Select(r => Ramp(8)[r]), weights["model.layers.0.self_attn.q_proj.bias"]);
        Assert.Equal(rows[..4].Select(r => Ramp(4)[r]), weights["model.layers.0.self_attn.k_proj.bias"]);
        Assert.Equal(Ramp(4), weights["model.layers.0.self_attn.v_proj.bias"]);
        Assert.Equal(Ramp(80), weights["lm_head.weight"]);
        Assert.Equal((false, true, false), ((bool)config["tie_word_embeddings"]!, (bool)config["attention_bias"]!, (bool)config["mlp_bias"]!));
        Assert.Equal((10, 4, 1), ((int)config["vocab_size"]!, (int)config["head_dim"]!, (int)config["num_key_value_heads"]!));
    }

    [Fact]
    public void Gemma3_norms_lose_their_one_and_layers_get_their_kinds()
    {
        var (config, weights) = Read(Model("gemma3", ("blk.0.attn_norm.weight", [8]), ("blk.0.attn_q_norm.weight", [4]), ("blk.0.post_ffw_norm.weight", [8]), ("blk.0.attn_q.weight", [8, 8]))
            .Set("gemma3.attention.sliding_window", 16u).Set("gemma3.rope.scaling.type", "linear").Set("gemma3.rope.scaling.factor", 8f));
        Assert.Equal(Ramp(8).Select(v => v - 1), weights["model.layers.0.input_layernorm.weight"]);
        Assert.Equal(Ramp(4).Select(v => v - 1), weights["model.layers.0.self_attn.q_norm.weight"]);
        Assert.Equal(Ramp(8).Select(v => v - 1), weights["model.norm.weight"]);
        Assert.Equal(Ramp(64), weights["model.layers.0.self_attn.q_proj.weight"]);
        Assert.Contains("model.layers.0.post_feedforward_layernorm.weight", weights.Keys);
        Assert.Equal("""{"full_attention":{"rope_theta":10000,"rope_type":"linear","factor":8},"sliding_attention":{"rope_theta":10000,"rope_type":"default"}}""", config["rope_parameters"]!.ToJsonString());
        Assert.Equal("""["sliding_attention"]""", config["layer_types"]!.ToJsonString());
        Assert.Equal(("gemma3_text", 4, 16), ((string)config["model_type"]!, (int)config["query_pre_attn_scalar"]!, (int)config["sliding_window"]!));
    }

    [Fact]
    public void Gemma2_has_alternating_windows_and_soft_caps()
    {
        var builder = Model("gemma2", ("blk.0.ffn_norm.weight", [8]), ("blk.0.post_attention_norm.weight", [8]), ("blk.0.ffn_gate.weight", [6, 8]))
            .Set("gemma2.attention.sliding_window", 16u).Set("gemma2.final_logit_softcapping", 20f);
        var (config, weights) = Read(builder);
        Assert.Equal((50.0, 20.0), ((double)config["attn_logit_softcapping"]!, (double)config["final_logit_softcapping"]!));
        Assert.Equal("gelu_pytorch_tanh", (string)config["hidden_activation"]!);
        Assert.Equal(["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.pre_feedforward_layernorm.weight", "model.layers.0.post_attention_layernorm.weight", "model.layers.0.mlp.gate_proj.weight"], weights.Keys);
    }

    [Fact]
    public void Phi3_keeps_its_fused_layers_and_gets_longrope_from_its_tables()
    {
        var (config, weights) = Read(Model("phi3", ("blk.0.attn_qkv.weight", [16, 8]), ("blk.0.ffn_up.weight", [12, 8]), ("rope_factors_long.weight", [2]), ("rope_factors_short.weight", [2]))
            .Set("phi3.rope.scaling.original_context_length", 16u).Set("phi3.rope.dimension_count", 4u).Set("phi3.attention.sliding_window", 32u));
        Assert.Equal(["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.self_attn.qkv_proj.weight", "model.layers.0.mlp.gate_up_proj.weight"], weights.Keys);
        Assert.Equal("""{"rope_theta":10000,"rope_type":"longrope","partial_rotary_factor":1,"original_max_position_embeddings":16,"long_factor":[0.25,0.75],"short_factor":[0.25,0.75]}""", config["rope_parameters"]!.ToJsonString());
        Assert.Equal((16, 32), ((int)config["original_max_position_embeddings"]!, (int)config["sliding_window"]!));
        Assert.False(config.ContainsKey("head_dim"));
    }

    [Theory, InlineData("qwen2"), InlineData("qwen3"), InlineData("gemma")]
    public void The_plain_families_are_read(string architecture)
    {
        var (config, weights) = Read(Model(architecture, ("blk.0.attn_q.weight", [8, 8])));
        Assert.Equal(architecture, (string)config["model_type"]!);
        Assert.Equal(Ramp(64), weights["model.layers.0.self_attn.q_proj.weight"]);
        Assert.Equal(architecture == "gemma" ? -0.75f : 0.25f, weights["model.norm.weight"][0]);
    }

    [Fact]
    public void Llama3_rope_is_found_again_from_its_table_of_factors()
    {
        // head size 128, theta 500000, factor 32, original context 8192, low 1, high 4: as in Llama 3.2
        float[] table = [.. Enumerable.Range(0, 64).Select(i =>
        {
            double wavelength = 2 * Math.PI * Math.Pow(500000, i / 64.0), smooth = (8192 / wavelength - 1) / 3;
            return (float)(wavelength < 2048 ? 1 : wavelength > 8192 ? 32 : 1 / ((1 - smooth) / 32 + smooth));
        })];
        GgufBuilder Llama(float[] factors) => new GgufBuilder().Set("general.architecture", "llama").Set("llama.block_count", 0u).Set("llama.context_length", 131072u).Set("llama.embedding_length", 128u)
            .Set("llama.feed_forward_length", 6u).Set("llama.attention.head_count", 1u).Set("llama.attention.layer_norm_rms_epsilon", 1e-5f).Set("llama.rope.freq_base", 500000f)
            .Tensor("token_embd.weight", [1, 128], new float[128]).Tensor("rope_freqs.weight", [64], factors);
        Assert.Equal("""{"rope_theta":500000,"rope_type":"llama3","factor":32,"original_max_position_embeddings":8192,"low_freq_factor":1,"high_freq_factor":4}""", Read(Llama(table)).Config["rope_parameters"]!.ToJsonString());
        Assert.Equal("""{"rope_theta":500000,"rope_type":"default"}""", Read(Llama([.. Enumerable.Repeat(1f, 64)])).Config["rope_parameters"]!.ToJsonString());
        table[30] *= 1.01f;
        Assert.Contains("not one of Llama 3's", Refused(Llama(table)).Message);
    }

    [Fact]
    public void What_cannot_be_represented_is_refused_by_name()
    {
        Assert.Contains("one of llama, qwen2", Refused(Model("mamba")).Message);
        Assert.Contains("general.architecture", Refused(new GgufBuilder()).Message);
        Assert.Contains("general.type = adapter", Refused(Model("llama").Set("general.type", "adapter")).Message);
        Assert.Contains("part 1 of 2", Refused(Model("llama").Set("split.count", (ushort)2)).Message);
        Assert.Contains("llama.logit_scale", Refused(Model("llama").Set("llama.logit_scale", 2f)).Message);
        Assert.Contains("expert_count = 8", Refused(Model("llama").Set("llama.expert_count", 8u)).Message);
        Assert.Contains("blk.0.mystery.weight, blk.1.attn_q.weight", Refused(Model("llama", ("blk.0.mystery.weight", [1]), ("blk.1.attn_q.weight", [1]))).Message);
        Assert.Contains("some of these layers have biases", Refused(Model("llama", ("blk.0.attn_q.bias", [8]))).Message);
        Assert.Contains("rope.dimension_count = 2", Refused(Model("llama").Set("llama.rope.dimension_count", 2u)).Message);
        Assert.Contains("rope.scaling.type = spiral", Refused(Model("llama").Set("llama.rope.scaling.type", "spiral")).Message);
        Assert.Contains("llama.block_count", Refused(new GgufBuilder().Set("general.architecture", "llama")).Message);
        Assert.Contains("w: Q8_1", Refused(Model("llama").Raw("w", 9, [32], new byte[36])).Message);
    }

    [Fact]
    public void Yarn_and_the_old_linear_key_are_understood()
    {
        var (yarn, _) = Read(Model("qwen2").Set("qwen2.rope.scaling.type", "yarn").Set("qwen2.rope.scaling.factor", 4f).Set("qwen2.rope.scaling.original_context_length", 32u));
        Assert.Equal("""{"rope_theta":10000,"rope_type":"yarn","factor":4,"original_max_position_embeddings":32}""", yarn["rope_parameters"]!.ToJsonString());
        Assert.Contains("rope.scaling.factor = 4); expected what rope.scale_linear says, 2", Refused(Model("llama").Set("llama.rope.scale_linear", 2f).Set("llama.rope.scaling.factor", 4f)).Message);
        var (linear, _) = Read(Model("llama").Set("llama.rope.scale_linear", 2f));
        Assert.Equal("""{"rope_theta":10000,"rope_type":"linear","factor":2}""", linear["rope_parameters"]!.ToJsonString());
    }
}

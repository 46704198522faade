using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>Makes Hugging Face's config.json from a GGUF file's metadata and the tensors it holds.</summary>
internal static class GgufConfig
{
    /// <summary>The config; settings that cannot be expressed are refused.</summary>
    public static JsonObject Make(GgufFile file, GgufMetadata m, GgufArchitecture architecture)
    {
        int hidden = m.Integer("embedding_length"), heads = m.Integer("attention.head_count");
        int keyValueHeads = m.OptionalInteger("attention.head_count_kv") ?? heads;
        if (heads < 1 || keyValueHeads < 1 || heads % keyValueHeads != 0) throw m.Bad("attention.head_count", $"{heads} with {keyValueHeads} for keys and values", "a positive multiple");
        int headDim = m.OptionalInteger("attention.key_length") ?? hidden / heads;
        if (headDim < 2 || headDim % 2 != 0) throw m.Bad("attention.key_length", $"{headDim}", "a positive even number");
        if (m.OptionalInteger("attention.value_length") is { } valueDim && valueDim != headDim) throw m.Bad("attention.value_length", $"{valueDim}", $"the key length, {headDim}");
        if (m.OptionalInteger("expert_count") is { } experts and not 0) throw m.Bad("expert_count", $"{experts}", "a model without experts (others from their Hugging Face folder)");
        long[] table = file.Shape("token_embd.weight") is [_, _] shape ? shape : throw new BadInputException("the file has no embedding table", "token_embd.weight", file.Path, "a matrix");

        var config = new JsonObject
        {
            ["architectures"] = new JsonArray(architecture.Class),
            ["model_type"] = architecture.ModelType,
            ["dtype"] = file.DType("token_embd.weight") switch { "F16" => "float16", "BF16" => "bfloat16", _ => "float32" },
            ["vocab_size"] = table[0],
            ["hidden_size"] = hidden,
            ["intermediate_size"] = m.Integer("feed_forward_length"),
            ["num_hidden_layers"] = m.Integer("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keyValueHeads,
            ["head_dim"] = headDim,
            ["hidden_act"] = "silu",
            ["max_position_embeddings"] = m.Integer("context_length"),
            ["rms_norm_eps"] = m.Real("attention.layer_norm_rms_epsilon") ?? throw m.Bad("attention.layer_norm_rms_epsilon", "nothing", "a number"),
            ["attention_dropout"] = 0.0,
            ["tie_word_embeddings"] = file.Shape("output.weight") is null,
        };
        Tokens(config, file, m);
        config["rope_parameters"] = GgufRope.Make(file, m, headDim);
        Specifics(config, file, m, headDim);
        return config;
    }

    private static void Tokens(JsonObject config, GgufFile file, GgufMetadata m)
    {
        foreach (var (key, name) in new[] { ("bos_token_id", "bos_token_id"), ("eos_token_id", "eos_token_id"), ("padding_token_id", "pad_token_id"), ("unknown_token_id", "unk_token_id") })
            if (file.Metadata.GetValueOrDefault("tokenizer.ggml." + key) is { } id)
                config[name] = id is uint number ? (long)number : throw new BadInputException("a token id is no 32-bit unsigned number", $"tokenizer.ggml.{key} = {id}", m.File.Path);
    }

    private static void Specifics(JsonObject config, GgufFile file, GgufMetadata m, int headDim)
    {
        switch (m.Architecture)
        {
            case "llama":
                config["attention_bias"] = AllOrNone(file, "attn_q", "attn_k", "attn_v", "attn_output");
                config["mlp_bias"] = AllOrNone(file, "ffn_gate", "ffn_up", "ffn_down");
                break;
            case "qwen2":
                DropPlainHeadDim(config, headDim);
                (config["use_sliding_window"], config["sliding_window"]) = (false, null);
                break;
            case "qwen3":
                config["attention_bias"] = AllOrNone(file, "attn_q", "attn_k", "attn_v", "attn_output");
                (config["use_sliding_window"], config["sliding_window"]) = (false, null);
                break;
            case "phi3":
                DropPlainHeadDim(config, headDim);
                config["sliding_window"] = m.OptionalInteger("attention.sliding_window") is { } window and > 0 ? window : null;
                config["original_max_position_embeddings"] = m.OptionalInteger("rope.scaling.original_context_length") ?? m.Integer("context_length");
                break;
            case "gemma":
                (config["hidden_act"], config["attention_bias"]) = ("gelu_pytorch_tanh", false);
                break;
            default: Gemma(config, m, headDim); break;
        }
    }

    /// <summary>Gemma 2 and 3: windows by layer, soft caps, and an attention scale that llama.cpp knows by the model's size.</summary>
    private static void Gemma(JsonObject config, GgufMetadata m, int headDim)
    {
        config.Remove("hidden_act");
        config["hidden_activation"] = "gelu_pytorch_tanh";
        config["attention_bias"] = false;
        config["sliding_window"] = m.Integer("attention.sliding_window");
        int layers = (int)config["num_hidden_layers"]!, hidden = (int)config["hidden_size"]!, heads = (int)config["num_attention_heads"]!;
        bool second = m.Architecture == "gemma2";
        config["layer_types"] = LayerTypes(m, layers, second ? 2 : 6);
        config["attn_logit_softcapping"] = m.Real("attn_logit_softcapping") ?? (second ? 50.0 : null);
        config["final_logit_softcapping"] = m.Real("final_logit_softcapping") ?? (second ? 30.0 : null);
        // Hugging Face divides by the root of this. The 27B models (46 and 62 layers) take hidden / heads, the others the head's size.
        config["query_pre_attn_scalar"] = m.Real("attention.scale") is { } scale ? Math.Round(1 / (scale * scale), 3)
            : layers == (second ? 46 : 62) ? hidden / heads : headDim;
        if (second) return;
        var local = new JsonObject { ["rope_theta"] = m.Real("rope.freq_base_swa") ?? 10000.0, ["rope_type"] = "default" };
        var global = config["rope_parameters"]!;
        config.Remove("rope_parameters");
        config["rope_parameters"] = new JsonObject { ["full_attention"] = global, ["sliding_attention"] = local };
    }

    private static JsonArray LayerTypes(GgufMetadata m, int layers, int usual)
    {
        const string Key = "attention.sliding_window_pattern";
        bool[] sliding;
        if (m.IsList(Key)) sliding = m.Flags(Key)!;
        else
        {
            int period = m.OptionalInteger(Key) ?? usual;
            if (period < 1) throw m.Bad(Key, $"{period}", "at least 1");
            sliding = [.. Enumerable.Range(1, layers).Select(i => i % period != 0)];
        }
        if (sliding.Length != layers) throw m.Bad(Key, $"{sliding.Length} values", $"{layers} values, one a layer");
        return new JsonArray([.. sliding.Select(s => (JsonNode)(s ? "sliding_attention" : "full_attention"))]);
    }

    /// <summary>Families whose config has no head_dim: it is hidden / heads, and is only written where it is not.</summary>
    private static void DropPlainHeadDim(JsonObject config, int headDim)
    {
        if (headDim == (int)config["hidden_size"]! / (int)config["num_attention_heads"]!) config.Remove("head_dim");
    }

    /// <summary>Whether these layers have biases: one setting of the config stands for all of them.</summary>
    private static bool AllOrNone(GgufFile file, params string[] stems)
    {
        int count = stems.Count(s => file.Shape($"blk.0.{s}.bias") is not null);
        return count == 0 ? false : count == stems.Length ? true
            : throw new BadInputException("some of these layers have biases and some have not, which the config cannot say", string.Join(", ", stems), file.Path);
    }
}

using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>config.json's `quantization_config`: which form a folder's matrices are in, and what is written for ours.</summary>
internal static class QuantizationConfig
{
    /// <summary>The methods that are read, for messages.</summary>
    public const string Known = "bitsandbytes (4 and 8 bit), gptq and awq (4 bit), fp8, compressed-tensors (float-quantized)";

    /// <summary>How to read a matrix of a folder so configured; null where the method is not known (the family table refuses it).</summary>
    /// <exception cref="BadInputException">The method is known, but not with these settings.</exception>
    public static Func<IWeightSource, string, QuantizedWeight?>? Reader(JsonObject q, string place)
    {
        switch (Text(q, "quant_method"))
        {
            case "bitsandbytes": return QuantizedKinds.Read;
            case "gptq":
                Require(q, place, "bits", "4");
                Require(q, place, "checkpoint_format", "gptq", "gptq_v2");
                int offset = Text(q, "checkpoint_format") == "gptq_v2" ? 0 : 1;
                return (files, name) => GptqWeight.IsIn(files, name) ? GptqWeight.Read(files, name, offset) : null;
            case "awq":
                Require(q, place, "bits", "4");
                Require(q, place, "version", "gemm", "GEMM");
                return (files, name) => AwqWeight.IsIn(files, name) ? AwqWeight.Read(files, name) : null;
            case "fp8":
                var block = q["weight_block_size"];
                int[] sizes = block switch { null => [128, 128], JsonArray list => [.. list.Select(Whole)], _ => [] };
                if (sizes is not [> 0 and var rows, > 0 and var columns]) throw Wrong(place, "weight_block_size", block!.ToJsonString(), "[rows, columns]");
                return (files, name) => Fp8Weight.IsIn(files, name) ? Fp8Weight.Read(files, name, rows, columns) : null;
            case "compressed-tensors":
                Require(q, place, "format", "float-quantized", "naive-quantized");
                foreach (var (_, group) in q["config_groups"] as JsonObject ?? [])
                {
                    if (group?["weights"] is not JsonObject weights) continue;
                    Require(weights, place + ".config_groups.weights", "type", "float");
                    Require(weights, place + ".config_groups.weights", "num_bits", "8");
                }
                return (files, name) => Fp8Weight.IsIn(files, name) ? Fp8Weight.Read(files, name) : null;
            default: return null;
        }
    }

    /// <summary>What bitsandbytes' integration writes for matrices of a kind: nf4, fp4 (with nested scales or not) or int8.</summary>
    public static JsonObject Write(QuantizedWeight sample, string computeDType)
    {
        bool eight = sample is Int8Weight;
        return new JsonObject
        {
            ["_load_in_4bit"] = !eight, ["_load_in_8bit"] = eight,
            ["bnb_4bit_compute_dtype"] = computeDType, ["bnb_4bit_quant_storage"] = "uint8",
            ["bnb_4bit_quant_type"] = sample is Bnb4Weight ? sample.Kind[..3] : "fp4", ["bnb_4bit_use_double_quant"] = sample is Bnb4Weight { Nested: true },
            ["llm_int8_enable_fp32_cpu_offload"] = false, ["llm_int8_has_fp16_weight"] = false, ["llm_int8_skip_modules"] = null, ["llm_int8_threshold"] = 6.0,
            ["load_in_4bit"] = !eight, ["load_in_8bit"] = eight, ["quant_method"] = "bitsandbytes",
        };
    }

    private static void Require(JsonObject q, string place, string key, params string[] values)
    {
        if (Text(q, key) is { } value && !values.Contains(value)) throw Wrong(place, key, value, string.Join(" or ", values));
    }

    private static BadInputException Wrong(string place, string key, string value, string expected)
        => new("a quantised model of this form is not read", $"{key}: {value}", place, expected, "Take the model's original repository and load it with quantize: nf4, or another quantised one.");

    private static string? Text(JsonObject q, string key) => q[key] is JsonValue value ? value.ToString() : null;

    private static int Whole(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int n) ? n : 0;
}

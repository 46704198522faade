using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>The model families, by `model_type`. A new one is a file beside this and a row here.</summary>
public static class FamilyTable
{
    private static readonly (string ModelType, Func<ConfigReader, DecoderSpec> Read)[] Rows =
    [
        ("llama", Llama.Read),
        ("mistral", Mistral.Read),
        ("qwen2", Qwen2.Read),
        ("qwen3", Qwen3.Read),
        ("gemma", Gemma.Read),
        ("gemma2", Gemma2.Read),
        ("gemma3_text", Gemma3.Read),
        ("phi3", Phi3.Read),
        ("smollm3", SmolLM3.Read),
        ("olmo2", Olmo2.Read),
        ("granite", Granite.Read),
        ("gpt2", Gpt2.Read),
        ("gpt_neox", GptNeoX.Read),
        ("mixtral", Mixtral.Read),
        ("qwen3_moe", Qwen3Moe.Read),
    ];

    /// <summary>All `model_type`s that can be loaded.</summary>
    public static IEnumerable<string> ModelTypes => Rows.Select(r => r.ModelType);

    /// <summary>What a config.json describes.</summary>
    /// <param name="config">Its content.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <exception cref="BadInputException">All its mistakes: unknown keys, values that are not computed, an unknown family.</exception>
    public static DecoderSpec Describe(JsonObject config, string place) => Describe(config, place, null);

    /// <summary>The same, its numbers held against what the weights have.</summary>
    internal static DecoderSpec Describe(JsonObject config, string place, ModelBounds? bounds)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(place);
        string? type = config["model_type"] is JsonValue v && v.TryGetValue(out string? s) ? s : null;
        var row = Rows.FirstOrDefault(r => r.ModelType == type);
        if (row.Read is null)
            throw new BadInputException("the model's family is not known", type ?? "no model_type", place, "model_type: " + string.Join(", ", ModelTypes),
                type is null ? null : NearNames.Sentence(type, ModelTypes));
        var reader = new ConfigReader(config, place, bounds: bounds);
        if (reader.Has("quantization_config"))
            reader.Wrong("quantization_config", (config["quantization_config"] as JsonObject)?["quant_method"]?.ToString() ?? "an object", QuantizationConfig.Known + ", or none",
                "Take the model's original repository (quantize: nf4 quantises it on loading), or dequantise it where it was made.");
        var spec = row.Read(reader);
        reader.RefuseUnknown(HarmlessKeys.Contains);
        reader.Finish();
        return spec;
    }
}

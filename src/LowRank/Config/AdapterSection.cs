using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank;

/// <summary>
/// The section `adapter` of a run's settings: PEFT's keys of adapter_config.json. Unlike such a file, which another version of PEFT may
/// have written, it was typed by whoever trains: a key that is not used is an error, and what is left out has this program's defaults.
/// </summary>
public static class AdapterSection
{
    /// <summary>PEFT's keys that say nothing about what is trained, each with the one value that it may have; null where any will
    /// do.</summary>
    private static readonly Dictionary<string, string?> Harmless = new()
    {
        ["inference_mode"] = null, ["peft_version"] = null, ["auto_mapping"] = "null", ["megatron_core"] = "\"megatron.core\"",
        ["qalora_group_size"] = "16", ["runtime_config"] = "null",
    };

    private static readonly string[] Used =
    [
        "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
        "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "bias", "lora_bias",
        "modules_to_save", "trainable_token_indices", "ensure_weight_tying", "fan_in_fan_out", "init_lora_weights", "loftq_config",
        "task_type", "base_model_name_or_path", "revision",
    ];

    /// <summary>What other tools call these keys.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new()
    {
        ["rank"] = "r", ["lora_r"] = "r", ["lora_rank"] = "r", ["lora_dim"] = "r", ["network_dim"] = "r", ["dim"] = "r",
        ["alpha"] = "lora_alpha", ["network_alpha"] = "lora_alpha", ["scale"] = "lora_alpha", ["scaling"] = "lora_alpha",
        ["dropout"] = "lora_dropout",
        ["targets"] = "target_modules", ["target"] = "target_modules", ["modules"] = "target_modules", ["keys"] = "target_modules",
        ["lora_target"] = "target_modules", ["lora_target_modules"] = "target_modules",
        ["lora_target_linear"] = "target_modules", ["exclude"] = "exclude_modules", ["layers"] = "layers_to_transform",
        ["num_layers"] = "layers_to_transform", ["ranks"] = "rank_pattern", ["alphas"] = "alpha_pattern",
        ["rslora"] = "use_rslora", ["dora"] = "use_dora", ["method"] = "peft_type", ["type"] = "peft_type", ["init"] = "init_lora_weights",
        ["additional_target"] = "modules_to_save", ["base_model"] = "base_model_name_or_path",
    };

    /// <summary>Every key that is known by name.</summary>
    public static IReadOnlyList<string> Keys { get; } = [.. Used, .. Harmless.Keys, .. LoraConfigRules.NotYet.Select(k => k.Key)];

    /// <summary>The keys that change what is trained, or what is written of it.</summary>
    public static IReadOnlyList<string> UsedKeys => Used;

    /// <summary>What a section that leaves keys out is completed with; PEFT's defaults hold for the others.</summary>
    public static JsonObject Defaults
        => new() { ["peft_type"] = "LORA", ["r"] = 16, ["lora_alpha"] = 32, ["target_modules"] = "all-linear" };

    /// <summary>The section with its missing keys, whichever way it was given.</summary>
    public static JsonObject Complete(JsonObject section)
    {
        ArgumentNullException.ThrowIfNull(section);
        var all = (JsonObject)section.DeepClone();
        foreach (var (key, value) in Defaults) all.TryAdd(key, value?.DeepClone());
        return all;
    }

    /// <summary>Reads a section.</summary>
    /// <exception cref="BadInputException">All mistakes at once: keys that are unknown or not done, values that cannot be.</exception>
    public static LoraConfig Read(JsonObject section, string place = "adapter")
    {
        section = Complete(section);
        List<BadInputException> errors = [.. section.Select(p => Refusal(p.Key, p.Value, place)).OfType<BadInputException>()];
        try
        {
            var config = LoraConfig.FromJson(section, place);
            if (errors.Count == 0) return config;
        }
        catch (BadInputException e) { errors.AddRange(e.Parts); }
        throw BadInputException.All("the adapter's settings cannot be used", errors, errors.Count == 1 ? null : place);
    }

    /// <summary>The key that is meant by an unknown one, as a remedy; null where none is near.</summary>
    public static string? Hint(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Elsewhere.TryGetValue(key, out string? ours) ? $"Did you mean '{ours}'?" : NearNames.Sentence(key, Keys);
    }

    private static BadInputException? Refusal(string key, JsonNode? value, string place)
    {
        if (!Keys.Contains(key)) return new("there is no such setting", key, place, remedy: Hint(key));
        if (value is null && key != "target_modules" && Defaults.ContainsKey(key))
            return new("a value is missing", "null", $"{place}: {key}", "a value", "Leave the key out for its default.");
        return Harmless.GetValueOrDefault(key) is { } only && Text(value) != only
            ? new("this cannot be done: it has no effect here", Text(value), $"{place}: {key}", only, "Leave the key out.") : null;
    }

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "null";
}

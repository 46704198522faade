using LowRank.Tensors;

namespace LowRank;

/// <summary>The targets that PEFT takes where a configuration names none, by the model's type.</summary>
internal static class DefaultTargets
{
    private static readonly Dictionary<string, string[]> ByModelType = new(StringComparer.Ordinal)
    {
        ["bloom"] = ["query_key_value"], ["cohere"] = ["q_proj", "v_proj"], ["falcon"] = ["query_key_value"], ["gemma"] = ["q_proj", "v_proj"], ["gemma2"] = ["q_proj", "v_proj"],
        ["gemma3_text"] = ["q_proj", "v_proj"], ["gpt2"] = ["c_attn"], ["gpt_bigcode"] = ["c_attn"], ["gpt_neo"] = ["q_proj", "v_proj"], ["gpt_neox"] = ["query_key_value"], ["gptj"] = ["q_proj", "v_proj"],
        ["granite"] = ["q_proj", "v_proj"], ["llama"] = ["q_proj", "v_proj"], ["llama4"] = ["q_proj", "v_proj"], ["mistral"] = ["q_proj", "v_proj"], ["mixtral"] = ["q_proj", "v_proj"], ["olmo2"] = ["q_proj", "v_proj"],
        ["opt"] = ["q_proj", "v_proj"], ["phi"] = ["q_proj", "v_proj", "fc1", "fc2"], ["phi3"] = ["qkv_proj"], ["qwen"] = ["c_attn"], ["qwen2"] = ["q_proj", "v_proj"], ["qwen3"] = ["q_proj", "v_proj"],
        ["smollm3"] = ["q_proj", "v_proj"], ["stablelm"] = ["q_proj", "v_proj"], ["starcoder2"] = ["q_proj", "v_proj"],
    };

    /// <summary>The usual targets of a model type.</summary>
    /// <exception cref="BadInputException">None are known.</exception>
    public static Selector Of(string? modelType)
        => modelType is not null && ByModelType.TryGetValue(modelType, out string[]? targets)
            ? Selector.Of(targets)
            : throw new BadInputException("no targets are given, and none are usual for this model", modelType, "target_modules", "a list of module names, a regular expression, or all-linear", "Use target_modules: all-linear.");
}

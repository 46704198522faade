using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>How a GGUF architecture's tensors are called in Hugging Face, and what the converter did to their values.</summary>
/// <param name="Name">general.architecture.</param>
/// <param name="ModelType">config.json's model_type.</param>
/// <param name="Class">config.json's architecture.</param>
/// <param name="PermutedRope">True where the rows of q and k were reordered so that rotary pairs lie beside each other.</param>
/// <param name="ShiftedNorms">True where norm weights are stored plus 1.</param>
/// <param name="Blocks">A block's tensors, GGUF name to Hugging Face name.</param>
internal sealed record GgufArchitecture(string Name, string ModelType, string Class, bool PermutedRope, bool ShiftedNorms, IReadOnlyDictionary<string, string> Blocks)
{
    private static readonly Dictionary<string, string> Plain = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm", ["ffn_norm"] = "post_attention_layernorm",
        ["attn_q"] = "self_attn.q_proj", ["attn_k"] = "self_attn.k_proj", ["attn_v"] = "self_attn.v_proj", ["attn_output"] = "self_attn.o_proj",
        ["ffn_gate"] = "mlp.gate_proj", ["ffn_up"] = "mlp.up_proj", ["ffn_down"] = "mlp.down_proj",
    };
    private static readonly Dictionary<string, string> HeadNorms = new(Plain) { ["attn_q_norm"] = "self_attn.q_norm", ["attn_k_norm"] = "self_attn.k_norm" };
    private static readonly Dictionary<string, string> Sandwich = new(Plain)
    {
        ["post_attention_norm"] = "post_attention_layernorm", ["ffn_norm"] = "pre_feedforward_layernorm", ["post_ffw_norm"] = "post_feedforward_layernorm",
    };
    private static readonly Dictionary<string, string> Fused = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm", ["ffn_norm"] = "post_attention_layernorm",
        ["attn_qkv"] = "self_attn.qkv_proj", ["attn_output"] = "self_attn.o_proj", ["ffn_up"] = "mlp.gate_up_proj", ["ffn_down"] = "mlp.down_proj",
    };

    private static readonly GgufArchitecture[] All =
    [
        new("llama", "llama", "LlamaForCausalLM", PermutedRope: true, ShiftedNorms: false, Plain),
        new("qwen2", "qwen2", "Qwen2ForCausalLM", false, false, Plain),
        new("qwen3", "qwen3", "Qwen3ForCausalLM", false, false, HeadNorms),
        new("gemma", "gemma", "GemmaForCausalLM", false, ShiftedNorms: true, Plain),
        new("gemma2", "gemma2", "Gemma2ForCausalLM", false, ShiftedNorms: true, Sandwich),
        new("gemma3", "gemma3_text", "Gemma3ForCausalLM", false, ShiftedNorms: true,
            new Dictionary<string, string>(Sandwich) { ["attn_q_norm"] = "self_attn.q_norm", ["attn_k_norm"] = "self_attn.k_norm" }),
        new("phi3", "phi3", "Phi3ForCausalLM", false, false, Fused),
    ];

    /// <summary>The architecture of a name; others are refused with the list.</summary>
    public static GgufArchitecture Of(string name, string path)
        => All.FirstOrDefault(a => a.Name == name)
            ?? throw new BadInputException("this architecture is not read from GGUF", name, path, "one of " + string.Join(", ", All.Select(a => a.Name)), "Use the model's Hugging Face folder instead.");

    /// <summary>Hugging Face name to GGUF name, in file order; rope tables, which are settings, left out.</summary>
    /// <exception cref="BadInputException">A tensor that this architecture does not have.</exception>
    public OrderedDictionary<string, string> NamesOf(GgufFile file, int blocks)
    {
        OrderedDictionary<string, string> names = new(StringComparer.Ordinal);
        List<string> unknown = [];
        foreach (string name in file.Names)
            if (GgufRope.Tables.Contains(name)) continue;
            else if (HuggingFace(name, blocks) is { } mapped) names.Add(mapped, name);
            else unknown.Add(name);
        if (unknown.Count > 0)
            throw new BadInputException($"the file has tensors that a {Name} model of {blocks} blocks does not have", string.Join(", ", unknown), file.Path, remedy: "Use the model's Hugging Face folder instead.");
        return names;
    }

    private string? HuggingFace(string name, int blocks)
    {
        switch (name)
        {
            case "token_embd.weight": return "model.embed_tokens.weight";
            case "output_norm.weight": return "model.norm.weight";
            case "output.weight": return "lm_head.weight";
        }
        // blk.BLOCK.STEM.weight: the block written as the format does, so that no two names become the same one
        string[] parts = name.Split('.');
        return parts is ["blk", var block, var stem, "weight" or "bias"] && int.TryParse(block, System.Globalization.NumberStyles.None, null, out int i) && i < blocks
            && i.ToString(System.Globalization.CultureInfo.InvariantCulture) == block && Blocks.TryGetValue(stem, out string? mapped)
            ? $"model.layers.{i}.{mapped}.{parts[3]}"
            : null;
    }
}

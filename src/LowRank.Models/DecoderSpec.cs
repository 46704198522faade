namespace LowRank.Models;

/// <summary>What one decoder-only model computes: everything a family decides, and nothing of its weights.</summary>
public sealed record DecoderSpec
{
    /// <summary>The family's `model_type`.</summary>
    public required string ModelType { get; init; }
    /// <summary>Rows of the embedding table, V.</summary>
    public required int VocabularySize { get; init; }
    /// <summary>Width of the hidden states, H.</summary>
    public required int HiddenSize { get; init; }
    /// <summary>Longest sequence the model was made for, in tokens.</summary>
    public required int MaxPositions { get; init; }
    /// <summary>One entry per block.</summary>
    public required IReadOnlyList<LayerSpec> Layers { get; init; }
    /// <summary>The attention that all blocks share.</summary>
    public required AttentionSpec Attention { get; init; }
    /// <summary>The feed-forward part of the blocks without experts.</summary>
    public required FeedForwardSpec FeedForward { get; init; }
    /// <summary>The experts of the blocks that have them; null where none has.</summary>
    public ExpertsSpec? Experts { get; init; }
    /// <summary>The norms of the blocks and the final one.</summary>
    public required NormSpec Norm { get; init; }
    /// <summary>The rotary tables that <see cref="LayerSpec.Rope"/> points into; empty with learned positions.</summary>
    public required IReadOnlyList<RopeSpec> Ropes { get; init; }
    /// <summary>The names of the modules, as Hugging Face has them.</summary>
    public required NameSpec Names { get; init; }
    /// <summary>Whether the output layer shares the embedding table.</summary>
    public required bool Tied { get; init; }
    /// <summary>Whether attention and feed-forward both read the block's input (GPT-NeoX), instead of one after the other.</summary>
    public bool ParallelResidual { get; init; }
    /// <summary>Whether linear weights are stored [in, out] (GPT-2).</summary>
    public bool TransposedLinear { get; init; }
    /// <summary>What embedded tokens are multiplied with (Gemma: √H, Granite: its multiplier).</summary>
    public double EmbeddingScale { get; init; } = 1;
    /// <summary>What each sub-block's output is multiplied with before it is added (Granite).</summary>
    public double ResidualScale { get; init; } = 1;
    /// <summary>What logits are multiplied with (Granite: 1 / logits_scaling).</summary>
    public double LogitScale { get; init; } = 1;
    /// <summary>c in c·tanh(logits / c); null where logits are not capped.</summary>
    public double? LogitSoftCap { get; init; }
}

/// <summary>What differs from block to block.</summary>
/// <param name="Window">Tokens a query sees, itself included; null: all before it.</param>
/// <param name="Rope">Index into <see cref="DecoderSpec.Ropes"/>; null: no rotation in this block.</param>
/// <param name="HasExperts">Whether the feed-forward part is a mixture of experts.</param>
public sealed record LayerSpec(int? Window = null, int? Rope = 0, bool HasExperts = false);

/// <summary>How query, key and value come out of the projections.</summary>
public enum QkvLayout
{
    /// <summary>Three projections.</summary>
    Separate,
    /// <summary>One projection, [all q | all k | all v].</summary>
    Concatenated,
    /// <summary>One projection, for each head [q | k | v] (GPT-NeoX).</summary>
    PerHead,
}

/// <summary>Where queries and keys are normalised.</summary>
public enum QkNorm
{
    /// <summary>Nowhere.</summary>
    None,
    /// <summary>Each head by itself (Qwen3, Gemma 3).</summary>
    PerHead,
    /// <summary>All heads as one vector (OLMo 2).</summary>
    WholeWidth,
}

/// <summary>Attention of a block. Shapes: q [B, Heads, T, HeadSize], k and v [B, KeyHeads, S, HeadSize].</summary>
public sealed record AttentionSpec
{
    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }
    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyHeads { get; init; }
    /// <summary>Width of one head.</summary>
    public required int HeadSize { get; init; }
    /// <summary>What scores are multiplied with before the softmax.</summary>
    public required double Scale { get; init; }
    /// <summary>How the projections are laid out.</summary>
    public QkvLayout Layout { get; init; }
    /// <summary>Whether query, key and value projections have biases.</summary>
    public bool QkvBias { get; init; }
    /// <summary>Whether the output projection has a bias.</summary>
    public bool OutputBias { get; init; }
    /// <summary>Norms on queries and keys.</summary>
    public QkNorm QkNorm { get; init; }
    /// <summary>c in c·tanh(score / c); null where scores are not capped.</summary>
    public double? SoftCap { get; init; }
}

/// <summary>A feed-forward part.</summary>
public sealed record FeedForwardSpec
{
    /// <summary>Inner width.</summary>
    public required int Size { get; init; }
    /// <summary>The non-linearity.</summary>
    public required Activation Activation { get; init; }
    /// <summary>down(act(gate(x))·up(x)) instead of down(act(up(x))).</summary>
    public bool Gated { get; init; } = true;
    /// <summary>Whether gate and up are one projection, [gate | up] (Phi-3).</summary>
    public bool FusedGateUp { get; init; }
    /// <summary>Whether the projections have biases.</summary>
    public bool Bias { get; init; }
}

/// <summary>A mixture of experts: a softmax router picks some per token.</summary>
/// <param name="Count">Experts in a block.</param>
/// <param name="PerToken">Experts a token goes to.</param>
/// <param name="Renormalise">Whether the picked probabilities are scaled to sum to 1.</param>
/// <param name="Expert">Each expert.</param>
public sealed record ExpertsSpec(int Count, int PerToken, bool Renormalise, FeedForwardSpec Expert);

/// <summary>A norm over the last dimension.</summary>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="IsLayerNorm">Mean taken off and a bias added, instead of RMS.</param>
/// <param name="UnitOffset">The factor is 1 + weight (Gemma).</param>
/// <param name="WeightInFloat32">The weight is applied before the cast back to the compute dtype (Gemma, OLMo 2).</param>
public sealed record NormSpec(double Epsilon, bool IsLayerNorm = false, bool UnitOffset = false, bool WeightInFloat32 = false);

/// <summary>Module names. A norm whose name is null is absent: that is how a family says where it normalises.</summary>
public sealed record NameSpec
{
    /// <summary>The base model that holds everything but the output layer.</summary>
    public string Base { get; init; } = "model";
    /// <summary>Token embedding.</summary>
    public string Embedding { get; init; } = "embed_tokens";
    /// <summary>Learned position embedding; null where there is none.</summary>
    public string? PositionEmbedding { get; init; }
    /// <summary>The list of blocks.</summary>
    public string Layers { get; init; } = "layers";
    /// <summary>The norm behind the last block.</summary>
    public string FinalNorm { get; init; } = "norm";
    /// <summary>The output layer, beside the base model.</summary>
    public string Head { get; init; } = "lm_head";
    /// <summary>Attention of a block.</summary>
    public string Attention { get; init; } = "self_attn";
    /// <summary>Query projection.</summary>
    public string Query { get; init; } = "q_proj";
    /// <summary>Key projection.</summary>
    public string Key { get; init; } = "k_proj";
    /// <summary>Value projection.</summary>
    public string Value { get; init; } = "v_proj";
    /// <summary>Output projection of attention.</summary>
    public string Output { get; init; } = "o_proj";
    /// <summary>Fused query, key and value projection.</summary>
    public string Qkv { get; init; } = "qkv_proj";
    /// <summary>Norm of the queries.</summary>
    public string QueryNorm { get; init; } = "q_norm";
    /// <summary>Norm of the keys.</summary>
    public string KeyNorm { get; init; } = "k_norm";
    /// <summary>Feed-forward part of a block.</summary>
    public string FeedForward { get; init; } = "mlp";
    /// <summary>Gate projection.</summary>
    public string Gate { get; init; } = "gate_proj";
    /// <summary>Up projection, also the first of a plain feed-forward part.</summary>
    public string Up { get; init; } = "up_proj";
    /// <summary>Down projection.</summary>
    public string Down { get; init; } = "down_proj";
    /// <summary>Fused gate and up projection.</summary>
    public string GateUp { get; init; } = "gate_up_proj";
    /// <summary>The router of a mixture.</summary>
    public string Router { get; init; } = "gate";
    /// <summary>The list of experts of a mixture.</summary>
    public string Experts { get; init; } = "experts";
    /// <summary>Norm in front of attention.</summary>
    public string? InputNorm { get; init; } = "input_layernorm";
    /// <summary>Norm on attention's output.</summary>
    public string? AttentionOutputNorm { get; init; }
    /// <summary>Norm in front of the feed-forward part.</summary>
    public string? FeedForwardNorm { get; init; } = "post_attention_layernorm";
    /// <summary>Norm on the feed-forward part's output.</summary>
    public string? FeedForwardOutputNorm { get; init; }
}

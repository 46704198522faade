namespace LowRank.Models;

/// <summary>
/// A block opened for a training step written by hand: rotary attention and a gated feed-forward part one after the other, with RMS norms where the family has them; nothing else in it.
/// </summary>
/// <param name="InputNorm">Before attention; each norm may be null: there is none.</param>
/// <param name="Qkv">[Heads * d, H], [KeyHeads * d, H], [KeyHeads * d, H], or all three as one.</param>
/// <param name="QueryNorm">Of queries before they are turned: of each head, [d], or of all at once, [Heads * d].</param>
/// <param name="KeyNorm">The same of keys.</param>
/// <param name="Output">[H, Heads * d]</param>
/// <param name="AttentionOutputNorm">Behind attention.</param>
/// <param name="FeedForwardNorm">Before the feed-forward part.</param>
/// <param name="GateUp">[I, H] each, or both as one.</param>
/// <param name="Down">[H, I]</param>
/// <param name="FeedForwardOutputNorm">Behind the feed-forward part.</param>
/// <param name="Rope">How queries and keys are turned; null: not at all.</param>
/// <param name="Window">Tokens a query sees, itself included; null: all before it.</param>
public sealed record PlainBlock(
    RmsNorm? InputNorm, IReadOnlyList<Projection> Qkv, RmsNorm? QueryNorm, RmsNorm? KeyNorm, Projection Output, RmsNorm? AttentionOutputNorm,
    RmsNorm? FeedForwardNorm, IReadOnlyList<Projection> GateUp, Projection Down, RmsNorm? FeedForwardOutputNorm, RopeSpec? Rope, int? Window)
{
    /// <summary>Its projections.</summary>
    public IEnumerable<Projection> Projections => [.. Qkv, Output, .. GateUp, Down];

    /// <summary>Why a spec's blocks are not of this kind; null if they are.</summary>
    public static string? Refusal(DecoderSpec spec)
    {
        var a = spec.Attention;
        return a.Layout == QkvLayout.PerHead ? "query, key and value of a head in one projection"
            : spec.Experts is not null ? "a mixture of experts"
            : !spec.FeedForward.Gated || spec.FeedForward.Activation is not (Activation.Silu or Activation.GeluTanh) ? "another feed-forward part"
            : spec.Norm.IsLayerNorm ? "another kind of norm"
            : spec.ParallelResidual || spec.TransposedLinear || spec.Names.PositionEmbedding is not null ? "another kind of block"
            : a.HeadSize % 2 == 1 || spec.HiddenSize % 2 == 1 || spec.FeedForward.Size % 2 == 1 ? "odd widths"
            : null;
    }
}

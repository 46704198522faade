namespace LowRank.Models;

/// <summary>
/// A block opened for a training step written by hand: RMS norm, rotary attention, RMS norm, gated feed-forward; nothing else in it.
/// </summary>
/// <param name="InputNorm">Before attention.</param>
/// <param name="Qkv">[Heads * d, H], [KeyHeads * d, H], [KeyHeads * d, H], or all three as one.</param>
/// <param name="Output">[H, Heads * d]</param>
/// <param name="FeedForwardNorm">Before the feed-forward part.</param>
/// <param name="GateUp">[I, H] each, or both as one.</param>
/// <param name="Down">[H, I]</param>
/// <param name="Rope">How queries and keys are turned; null: not at all.</param>
/// <param name="Window">Tokens a query sees, itself included; null: all before it.</param>
public sealed record PlainBlock(RmsNorm InputNorm, IReadOnlyList<Projection> Qkv, Projection Output, RmsNorm FeedForwardNorm, IReadOnlyList<Projection> GateUp, Projection Down, RopeSpec? Rope, int? Window)
{
    /// <summary>Its projections.</summary>
    public IEnumerable<Projection> Projections => [.. Qkv, Output, .. GateUp, Down];

    /// <summary>Why a spec's blocks are not of this kind; null if they are.</summary>
    public static string? Refusal(DecoderSpec spec)
    {
        var a = spec.Attention;
        return a.Layout == QkvLayout.PerHead ? "query, key and value of a head in one projection"
            : a.QkNorm != QkNorm.None ? "norms on queries and keys"
            : a.SoftCap is not null || spec.LogitSoftCap is not null ? "capped scores"
            : spec.Experts is not null ? "a mixture of experts"
            : !spec.FeedForward.Gated || spec.FeedForward.Activation is not (Activation.Silu or Activation.GeluTanh) ? "another feed-forward part"
            : spec.Norm.IsLayerNorm ? "another kind of norm"
            : spec.ParallelResidual || spec.TransposedLinear || spec.Names.PositionEmbedding is not null ? "another kind of block"
            : spec.Names.InputNorm is null || spec.Names.FeedForwardNorm is null || spec.Names.AttentionOutputNorm is not null || spec.Names.FeedForwardOutputNorm is not null ? "norms in other places"
            : a.HeadSize % 2 == 1 || spec.HiddenSize % 2 == 1 || spec.FeedForward.Size % 2 == 1 ? "odd widths"
            : null;
    }
}

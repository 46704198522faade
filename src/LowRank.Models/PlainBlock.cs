using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// A block of the plain llama kind, opened for a training step written by hand: RMS norm, rotary attention with separate projections, RMS norm, gated
/// feed-forward with SiLU; nothing else in it.
/// </summary>
/// <param name="InputNorm">Before attention.</param>
/// <param name="Query">[Heads * d, H]</param>
/// <param name="Key">[KeyHeads * d, H]</param>
/// <param name="Value">[KeyHeads * d, H]</param>
/// <param name="Output">[H, Heads * d]</param>
/// <param name="FeedForwardNorm">Before the feed-forward part.</param>
/// <param name="Gate">[I, H]</param>
/// <param name="Up">[I, H]</param>
/// <param name="Down">[H, I]</param>
/// <param name="Rope">Which of the pass's rotary tables turns its queries and keys.</param>
public sealed record PlainBlock(RmsNorm InputNorm, Projection Query, Projection Key, Projection Value, Projection Output, RmsNorm FeedForwardNorm, Projection Gate, Projection Up, Projection Down, int Rope)
{
    /// <summary>Its seven projections.</summary>
    public IReadOnlyList<Projection> Projections { get; } = [Query, Key, Value, Output, Gate, Up, Down];

    /// <summary>Why a spec's blocks are not of this kind; null if they are.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="length">The longest sequence that will come: a window at least as wide is none.</param>
    public static string? Refusal(DecoderSpec spec, int length)
    {
        var a = spec.Attention;
        return a.Layout != QkvLayout.Separate || spec.FeedForward.FusedGateUp ? "fused projections"
            : a.QkNorm != QkNorm.None ? "norms on queries and keys"
            : a.SoftCap is not null ? "capped attention scores"
            : spec.Experts is not null ? "a mixture of experts"
            : !spec.FeedForward.Gated || spec.FeedForward.Activation != Activation.Silu ? "another feed-forward part"
            : spec.Norm.IsLayerNorm || spec.Norm.UnitOffset || spec.Norm.WeightInFloat32 ? "another kind of norm"
            : spec.ParallelResidual || spec.ResidualScale != 1 || spec.TransposedLinear ? "another kind of block"
            : spec.Names.InputNorm is null || spec.Names.FeedForwardNorm is null || spec.Names.AttentionOutputNorm is not null || spec.Names.FeedForwardOutputNorm is not null ? "norms in other places"
            : spec.Layers.Any(l => l.Rope is null || spec.Ropes[l.Rope.Value].Rotated != a.HeadSize) ? "blocks without full rotary positions"
            : spec.Layers.Any(l => l.Window < length) ? "sliding windows"
            : null;
    }
}

namespace LowRank.Models;

/// <summary>
/// A block opened for a training step written by hand: attention and one feed-forward part, one after the other or side by side, with norms where the family has them.
/// </summary>
/// <param name="InputNorm">Before attention; each norm is an RmsNorm or LayerNorm, or null: there is none.</param>
/// <param name="Qkv">[Heads * d, H], [KeyHeads * d, H], [KeyHeads * d, H], or all three as one, laid out as the spec says.</param>
/// <param name="QueryNorm">Of queries before they are turned: of each head, [d], or of all at once, [Heads * d].</param>
/// <param name="KeyNorm">The same of keys.</param>
/// <param name="Output">[H, Heads * d]</param>
/// <param name="AttentionOutputNorm">Behind attention.</param>
/// <param name="FeedForwardNorm">Before the feed-forward part.</param>
/// <param name="GateUp">[I, H] each, or both as one; without a gate only the up projection.</param>
/// <param name="Down">[H, I]</param>
/// <param name="FeedForwardOutputNorm">Behind the feed-forward part.</param>
/// <param name="Rope">How queries and keys are turned; null: not at all.</param>
/// <param name="Window">Tokens a query sees, itself included; null: all before it.</param>
public sealed record PlainBlock(
    StoredModule? InputNorm, IReadOnlyList<Projection> Qkv, StoredModule? QueryNorm, StoredModule? KeyNorm, Projection Output, StoredModule? AttentionOutputNorm,
    StoredModule? FeedForwardNorm, IReadOnlyList<Projection> GateUp, Projection Down, StoredModule? FeedForwardOutputNorm, RopeSpec? Rope, int? Window)
{
    /// <summary>Its projections.</summary>
    public IEnumerable<Projection> Projections => [.. Qkv, Output, .. GateUp, Down];

    /// <summary>Why a spec's blocks are not of this kind; null if they are.</summary>
    public static string? Refusal(DecoderSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var a = spec.Attention;
        var names = spec.Names;
        bool inside = a.QkNorm != QkNorm.None || names.AttentionOutputNorm is not null || names.FeedForwardOutputNorm is not null;
        return spec.Experts is not null ? "a mixture of experts"
            : inside && (spec.Norm.IsLayerNorm || spec.ParallelResidual || a.Layout == QkvLayout.PerHead) ? "norms that no family of its kind has"
            : spec.ParallelResidual && names.FeedForwardNorm is null ? "parts side by side without a norm"
            : a.HeadSize % 2 == 1 || spec.HiddenSize % 2 == 1 || spec.FeedForward.Size % 2 == 1 ? "odd widths"
            : null;
    }
}

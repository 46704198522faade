using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>What keeps queries from seeing some keys: a tensor added to the scores, or nothing but the causal rule, which the fused kernel has built in.</summary>
/// <param name="Additive">[B or 1, 1, T, S] of 0 and -inf in the compute dtype; null where none is needed.</param>
/// <param name="Causal">Whether the kernel applies the causal rule itself.</param>
public sealed record AttentionMask(Tensor? Additive, bool Causal)
{
    /// <summary>The mask of T queries behind <paramref name="past"/> cached positions.</summary>
    /// <param name="past">Positions in the cache.</param>
    /// <param name="count">T.</param>
    /// <param name="window">Tokens a query sees, itself included; null: all.</param>
    /// <param name="valid">[B, past + T] bool, false for padding; null where no query may see any padding without it.</param>
    /// <param name="eager">Whether a tensor is needed even for the plain causal rule.</param>
    /// <param name="dtype">Compute dtype.</param>
    /// <param name="device">Where.</param>
    internal static AttentionMask Make(long past, long count, int? window, Tensor? valid, bool eager, ScalarType dtype, Device device)
    {
        long total = past + count;
        if (window >= total) window = null;
        if (valid is null && window is null)
        {
            if (count == 1) return new(null, false);
            if (past == 0 && !eager) return new(null, true);
        }
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        Tensor columns = Range(0, total, device), rows = Range(past, count, device).unsqueeze(1);
        var allowed = columns.le(rows);
        if (window is { } w) allowed = allowed.logical_and(columns.gt(rows.sub(Scalars.Of((long)w))));
        if (valid is not null) // padding still sees itself: a row of -inf only would be NaN
            allowed = allowed.logical_and(valid.unsqueeze(1)).logical_or(columns.eq(rows)).unsqueeze(1);
        else allowed = allowed.view(1, 1, count, total);
        var mask = zeros(allowed.shape, dtype, device).masked_fill(allowed.logical_not(), Scalars.MinusInfinity);
        return new(mask.MoveToOuterDisposeScope(), false);
    }

    /// <summary>Of a mask without past and padding, the one of sequences of <paramref name="length"/> tokens, at most its own: whoever is no further back is seen alike.</summary>
    internal AttentionMask Corner(long length, int? window, bool eager)
        => Additive is null || (!eager && (window is null || window >= length)) ? new(null, true)
            : this with { Additive = Additive.narrow(2, 0, length).narrow(3, 0, length) };

    /// <summary>[count] I64: first, first + 1, ...</summary>
    internal static Tensor Range(long first, long count, Device device)
        => ones(count, ScalarType.Int64, device).cumsum(0).Plus(tensor(first - 1, device: device));
}

using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Cosines and signed sines of one forward pass, [B or 1, T, 1, Rotated] in the compute dtype, made once and shared by the layers.</summary>
public sealed class RopeTable
{
    private readonly Tensor _cos, _sin;
    private readonly int _size;

    private RopeTable(Tensor cos, Tensor sin, int size) => (_cos, _sin, _size) = (cos, sin, size);

    /// <summary>The table for <paramref name="positions"/> [B or 1, T] of sequences of up to <paramref name="length"/> tokens.</summary>
    internal static RopeTable Make(RopeSpec rope, Tensor positions, long length, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        return Of(rope, positions, tensor(RopeFrequencies.Of(rope, length), device: positions.device), dtype).ToOuterScope();
    }

    /// <summary>The table for documents end to end; frequencies that depend on a length follow each document's own.</summary>
    internal static RopeTable Make(RopeSpec rope, Tensor positions, DocumentLayout documents, ScalarType dtype)
    {
        if (!rope.DependsOnLength) return Make(rope, positions, documents.Longest, dtype);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var frequencies = cat([.. documents.Runs.Select(r => tensor(RopeFrequencies.Of(rope, r.Length), device: positions.device).expand(1, r.Tokens, rope.Pairs))], 1);
        return Of(rope, positions, frequencies, dtype).ToOuterScope();
    }

    // Frequencies [Pairs] or [1, T, Pairs].
    private static RopeTable Of(RopeSpec rope, Tensor positions, Tensor frequencies, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1).mul(frequencies).unsqueeze(2);
        Tensor cos = angles.cos(), sin = angles.sin();
        if (rope.AttentionFactor != 1)
            (cos, sin) = (cos.mul(Scalars.Of(rope.AttentionFactor)), sin.mul(Scalars.Of(rope.AttentionFactor)));
        // rotate_half(x)·sin = (-x2·s, x1·s) = roll(x)·(-s, s): one roll, no negation per layer
        return new(cat([cos, cos], -1).to(dtype).MoveToOuterDisposeScope(), cat([sin.neg(), sin], -1).to(dtype).MoveToOuterDisposeScope(), rope.Rotated);
    }

    internal RopeTable ToOuterScope()
    {
        _cos.MoveToOuterDisposeScope();
        _sin.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Cosines, [B or 1, T, 1, Rotated].</summary>
    public Tensor Cosines => _cos;
    /// <summary>Sines, the first half negated, [B or 1, T, 1, Rotated]: x turned is x·cos + roll(x, half)·sin.</summary>
    public Tensor SignedSines => _sin;

    /// <summary>Rotates the leading dimensions of each head, x [B, T, heads, d].</summary>
    public Tensor Rotate(Tensor x)
    {
        long width = x.size(3);
        if (width == _size) return Turn(x);
        return cat([Turn(x.narrow(3, 0, _size)), x.narrow(3, _size, width - _size)], 3);
    }

    private Tensor Turn(Tensor x) => x.mul(_cos).addcmul(x.roll(_size / 2, -1), _sin, Scalars.One);
}

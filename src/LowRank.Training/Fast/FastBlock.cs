using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// One block's forward and backward pass by hand. Kept between them: the two residual inputs, the turned queries and keys, the values, the attention's output, gate and
/// up, and the low-rank middles; norms and activations are made again.
/// </summary>
internal sealed class FastBlock
{
    private readonly PlainBlock _block;
    private readonly FastLinear _query, _key, _value, _output, _gate, _up, _down;
    private readonly AttentionSpec _spec;
    private readonly FastAttention _attention;
    private readonly FastHeads _heads;

    public FastBlock(PlainBlock block, AttentionSpec spec, Func<Projection, FastLinear> linear)
    {
        (_block, _spec) = (block, spec);
        (_query, _key, _value, _output) = (linear(block.Query), linear(block.Key), linear(block.Value), linear(block.Output));
        (_gate, _up, _down) = (linear(block.Gate), linear(block.Up), linear(block.Down));
        _attention = new FastAttention(spec.Heads / spec.KeyHeads, spec.Scale);
        _heads = new FastHeads(spec);
        All = [_query, _key, _value, _output, _gate, _up, _down];
    }

    /// <summary>Its projections.</summary>
    public IReadOnlyList<FastLinear> All { get; }

    /// <summary>What the backward pass needs; its tensors belong to the scope that was current in <see cref="Forward"/>.</summary>
    public sealed record Saved(Tensor Input, Tensor Q, Tensor K, Tensor V, Tensor Mixed, Tensor Middle, Tensor Gate, Tensor Up, Tensor?[] Lows);

    /// <summary>[N, H] -> [N, H].</summary>
    public (Tensor Hidden, Saved Saved) Forward(Tensor input, BlockInput pass, long rows, long width)
    {
        using var scope = NewDisposeScope();
        var rope = pass.Ropes[_block.Rope];
        var x = Normalise(_block.InputNorm, input);
        var (q, lowQ) = _query.Forward(x);
        var (k, lowK) = _key.Forward(x);
        var (v, lowV) = _value.Forward(x);
        q = _heads.Gather(rope.Rotate(q.view(rows, width, _spec.Heads, _spec.HeadSize)), pass.Runs);
        k = _heads.Gather(rope.Rotate(k.view(rows, width, _spec.KeyHeads, _spec.HeadSize)), pass.Runs);
        v = _heads.Gather(v, pass.Runs);
        var gathered = empty_like(q);
        foreach (var run in pass.Runs) _attention.Forward(_heads.Queries(q, run), _heads.Keys(k, run), _heads.Keys(v, run), _heads.Queries(gathered, run));
        var mixed = _heads.Scatter(gathered, pass.Runs);
        var (middle, lowO) = _output.Forward(mixed);
        middle.PlusInPlace(input);

        x = Normalise(_block.FeedForwardNorm, middle);
        var (gate, lowG) = _gate.Forward(x);
        var (up, lowU) = _up.Forward(x);
        var (hidden, lowD) = _down.Forward(nn.functional.silu(gate).mul_(up));
        hidden.PlusInPlace(middle);

        Saved saved = new(input, q, k, v, mixed, middle, gate, up, [lowQ, lowK, lowV, lowO, lowG, lowU, lowD]);
        foreach (var tensor in (Tensor?[])[hidden, q, k, v, mixed, middle, gate, up, .. saved.Lows]) tensor?.MoveToOuterDisposeScope();
        return (hidden, saved);
    }

    /// <summary>The gradient of the block's input, given that of its output (overwritten); null where nothing below wants it.</summary>
    public Tensor? Backward(Tensor gradient, Saved s, BlockInput pass, long rows, long width, bool wantsInput)
    {
        using var scope = NewDisposeScope();
        var rope = pass.Ropes[_block.Rope];
        var silu = nn.functional.silu(s.Gate);
        var inner = _down.Backward(gradient, silu.mul(s.Up), s.Lows[6], wantsInput: true)!;
        var x = Normalise(_block.FeedForwardNorm, s.Middle);
        var toUp = inner.mul(silu);
        var toNorm = _up.Backward(toUp, x, s.Lows[5], true)!;
        toNorm.PlusInPlace(_gate.Backward(Ops.SiluBackward(inner.mul_(s.Up), s.Gate), x, s.Lows[4], true)!);
        gradient.PlusInPlace(NormBackward(_block.FeedForwardNorm, s.Middle, toNorm));

        var toMixed = _output.Backward(gradient, s.Mixed, s.Lows[3], true)!;
        var above = _heads.Gather(toMixed, pass.Runs);
        Tensor dq = empty_like(s.Q), dk = zeros_like(s.K), dv = zeros_like(s.V);
        foreach (var run in pass.Runs)
            _attention.Backward(_heads.Queries(above, run), _heads.Queries(s.Q, run), _heads.Keys(s.K, run), _heads.Keys(s.V, run), _heads.Queries(dq, run), _heads.Keys(dk, run), _heads.Keys(dv, run));
        x = Normalise(_block.InputNorm, s.Input);
        var back = _query.Backward(Turned(_heads.Scatter(dq, pass.Runs), rope, rows, width), x, s.Lows[0], wantsInput);
        var fromKey = _key.Backward(Turned(_heads.Scatter(dk, pass.Runs), rope, rows, width), x, s.Lows[1], wantsInput);
        var fromValue = _value.Backward(_heads.Scatter(dv, pass.Runs), x, s.Lows[2], wantsInput);
        if (back is null) return null;
        back.PlusInPlace(fromKey!).PlusInPlace(fromValue!);
        gradient.PlusInPlace(NormBackward(_block.InputNorm, s.Input, back));
        return gradient;
    }

    /// <summary>x / rms(x)·w, rounded where the module itself rounds.</summary>
    public static Tensor Normalise(RmsNorm norm, Tensor x) => x.mul(Ops.InverseRms(x, norm.Epsilon)).to(x.dtype).mul_(norm.ComputeWeight);

    /// <summary>The gradient of a norm's input.</summary>
    public static Tensor NormBackward(RmsNorm norm, Tensor x, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        var inverse = Ops.InverseRms(x, norm.Epsilon);
        var weighted = gradient.mul(norm.ComputeWeight);
        var along = weighted.mul(x).sum([-1], keepdim: true, type: ScalarType.Float32).mul_(inverse.mul(inverse).mul_(inverse)).div_(Scalars.Of((double)x.size(-1)));
        return weighted.mul_(inverse.to(x.dtype)).sub_(x.mul(along.to(x.dtype))).MoveToOuterDisposeScope();
    }

    // The rotation's transpose: x·cos + roll(x·sin), [N, heads·d].
    private Tensor Turned(Tensor gradient, RopeTable rope, long rows, long width)
    {
        var g = gradient.view(rows, width, -1, _spec.HeadSize);
        return g.mul(rope.Cosines).PlusInPlace(g.mul(rope.SignedSines).roll(_spec.HeadSize / 2, -1)).view(rows * width, -1);
    }
}

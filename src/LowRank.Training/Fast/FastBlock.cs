using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>One block, forward and backward. Norms and activations are made again in the backward pass.</summary>
internal sealed unsafe partial class FastBlock : IDisposable
{
    private readonly PlainBlock _block;
    private readonly DecoderSpec _spec;
    private readonly Kernels _k;
    private readonly FastNorm? _inputNorm, _queryNorm, _keyNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm;
    private readonly GateKind _kind;
    private readonly int _hidden, _inner, _window;
    private readonly bool _gated;

    public FastBlock(PlainBlock block, DecoderSpec spec, Workspace space, Func<Projection, FastLinear> open)
    {
        (_block, _spec, _k, _hidden, _inner, _window) = (block, spec, space.Kernels, spec.HiddenSize, spec.FeedForward.Size, block.Window ?? 1 << 30);
        Qkv = new([.. block.Qkv.Select(open)], false, space);
        Output = new([open(block.Output)], false, space);
        _gated = spec.FeedForward.Gated;
        GateUp = new([.. block.GateUp.Select(open)], _gated, space);
        Down = new([open(block.Down)], false, space);
        (_inputNorm, _feedForwardNorm) = (FastNorm.Of(block.InputNorm, _k), FastNorm.Of(block.FeedForwardNorm, _k));
        (_queryNorm, _keyNorm) = (FastNorm.Of(block.QueryNorm, _k), FastNorm.Of(block.KeyNorm, _k));
        (_attentionOutputNorm, _feedForwardOutputNorm) = (FastNorm.Of(block.AttentionOutputNorm, _k, spec.ResidualScale), FastNorm.Of(block.FeedForwardOutputNorm, _k, spec.ResidualScale));
        _kind = Enum.Parse<GateKind>(spec.FeedForward.Activation.ToString());
    }

    public FastStack Qkv { get; }
    public FastStack Output { get; }
    public FastStack GateUp { get; }
    public FastStack Down { get; }
    public IEnumerable<FastStack> Stacks => [Qkv, Output, GateUp, Down];
    public RopeSpec? Rope => _block.Rope;
    /// <summary>Whether queries, keys and values are kept as they come out of the projection, and normalised and turned anew for the backward pass.</summary>
    public bool KeepsRaw => _queryNorm is not null || Qkv.HasGains;
    /// <summary>Whether attention's output is kept.</summary>
    public bool KeepsAttentionOut => _attentionOutputNorm is not null || Output.HasGains;
    /// <summary>Whether the feed-forward part's output is kept.</summary>
    public bool KeepsFeedForwardOut => _feedForwardOutputNorm is not null || Down.HasGains;
    /// <summary>Bytes of the norms' factors and of the stacks' copies.</summary>
    public long Held => ((FastNorm?[])[_inputNorm, _queryNorm, _keyNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm]).Sum(n => n?.Bytes ?? 0) + Stacks.Sum(s => s.Held);

    /// <summary>[N, H] -> [N, H].</summary>
    public void Forward(FastSlice slice, byte* input, byte* output, Saved s, Shared b, FastAttention attention, RopeRows? rope)
    {
        int n = slice.Rows, qkv = Qkv.Out;
        long t = StepClock.Start();
        byte* x = _inputNorm is null ? input : b.X;
        Qkv.Lows(n, x, b.Low, s.LowQkv, Norm(_inputNorm, input, x));
        t = StepClock.Tick("norms and low-rank middles", t);
        Qkv.Forward(n, x, b.Low, (panel, row, rows, tile) => _k.StoreSum(tile, Workspace.Width, rows, panel.Columns, s.Qkv + ((long)row * qkv + panel.At) * _k.Size, qkv, 1, BiasOf(panel), null));
        t = StepClock.Tick("projections forward", t);
        byte* turned = KeepsRaw ? Normalised(n, s.Qkv, b.Turned) : s.Qkv;
        Turn(n, turned, rope, back: false);
        t = StepClock.Tick("rotary", t);
        attention.Forward(slice, turned, s.Mixed, s.Lse, _window);
        t = StepClock.Tick("attention forward", t);
        Output.Lows(n, s.Mixed, b.Low, s.LowOutput, null);
        t = StepClock.Tick("norms and low-rank middles", t);
        Output.Forward(n, s.Mixed, b.Low, Sink(_attentionOutputNorm, KeepsAttentionOut ? s.AttentionOut : null, input, s.Middle)!);
        t = StepClock.Tick("projections forward", t);
        NormSum(n, _attentionOutputNorm, s.AttentionOut, input, s.Middle);

        byte* source = _spec.ParallelResidual ? input : s.Middle;
        x = _feedForwardNorm is null ? source : b.X;
        GateUp.Lows(n, x, b.Low, s.LowGateUp, Norm(_feedForwardNorm, source, x));
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Forward(n, x, b.Low, _gated ? Gates(s, b) : Activations(s, b));
        t = StepClock.Tick("projections forward", t);
        Down.Lows(n, b.Act, b.Low, s.LowDown, null);
        t = StepClock.Tick("norms and low-rank middles", t);
        if (Sink(_feedForwardOutputNorm, KeepsFeedForwardOut ? s.FeedForwardOut : null, s.Middle, output) is { } sink) Down.Forward(n, b.Act, b.Low, sink);
        t = StepClock.Tick("projections forward", t);
        if (output is not null) NormSum(n, _feedForwardOutputNorm, s.FeedForwardOut, s.Middle, output);
        StepClock.Tick("norms and low-rank middles", t);
    }

    /// <summary>Turns the gradient of the block's output into that of its input, where that is wanted, and adds the adapters' gradients.</summary>
    public void Backward(FastSlice slice, byte* input, byte* gradient, Saved s, Shared b, FastAttention attention, RopeRows? rope, bool wantsInput)
    {
        int n = slice.Rows;
        long t = StepClock.Start();
        byte* above = Above(n, _feedForwardOutputNorm, s.FeedForwardOut, gradient, b.X);
        above = Down.Open(n, KeepsFeedForwardOut ? s.FeedForwardOut : null, above, b.X);
        Down.Above(n, above, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        Down.Backward(n, above, b.Low, GateUp.HasGains ? ScaledBackward(s, b) : _gated ? GatesBackward(s, b) : ActivationsBackward(s, b));
        t = StepClock.Tick("projections backward", t);
        Down.Gradients(n, b.Act, above, s.LowDown, b.LowT);
        t = StepClock.Tick("adapter gradients", t);
        GateUp.Open(n, null, s.GateUp, s.GateUp, GateUp.HasGains ? b.Products : null);
        GateUp.Above(n, s.GateUp, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Backward(n, s.GateUp, b.Low, _feedForwardNorm is null ? Onto(gradient) : Plain(b.Gradient, _hidden));
        t = StepClock.Tick("projections backward", t);
        byte* x = _spec.ParallelResidual ? Again(n, _feedForwardNorm, input, b.X) : NormBackward(n, _feedForwardNorm, s.Middle, b.Gradient, gradient, b.X, GateUp.IsAdapted);
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Gradients(n, x, s.GateUp, s.LowGateUp, b.LowT);
        t = StepClock.Tick("adapter gradients", t);

        above = Above(n, _attentionOutputNorm, s.AttentionOut, gradient, b.X);
        above = Output.Open(n, KeepsAttentionOut ? s.AttentionOut : null, above, b.X);
        Output.Above(n, above, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        Output.Backward(n, above, b.Low, Plain(b.MixedGradient, Output.In));
        t = StepClock.Tick("projections backward", t);
        Output.Gradients(n, s.Mixed, above, s.LowOutput, b.LowT);
        t = StepClock.Tick("adapter gradients", t);
        if (_spec.ParallelResidual && wantsInput) NormBackward(n, _feedForwardNorm, input, b.Gradient, gradient, b.X, false); // what is above attention is used up
        if (!wantsInput && !Qkv.IsTrained) return;
        byte* turned = KeepsRaw ? Normalised(n, s.Qkv, b.Turned) : s.Qkv;
        if (KeepsRaw) Turn(n, turned, rope, back: false);
        t = StepClock.Tick("rotary", t);
        attention.Backward(slice, turned, s.Mixed, b.MixedGradient, s.Lse, b.QkvGradient, _window);
        t = StepClock.Tick("attention backward", t);
        Turn(n, b.QkvGradient, rope, back: true);
        if (_queryNorm is not null) NormalisedBackward(n, s.Qkv, b.QkvGradient);
        t = StepClock.Tick("rotary", t);
        Qkv.Open(n, s.Qkv, b.QkvGradient, b.QkvGradient);
        Qkv.Above(n, b.QkvGradient, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        if (wantsInput)
        {
            Qkv.Backward(n, b.QkvGradient, b.Low, _inputNorm is null ? Onto(gradient) : Plain(b.Gradient, _hidden));
            t = StepClock.Tick("projections backward", t);
            x = NormBackward(n, _inputNorm, input, b.Gradient, gradient, b.X, Qkv.IsAdapted);
        }
        else x = Again(n, _inputNorm, input, b.X);
        t = StepClock.Tick("norms and low-rank middles", t);
        Qkv.Gradients(n, x, b.QkvGradient, s.LowQkv, b.LowT);
        StepClock.Tick("adapter gradients", t);
    }

    // ------------------------------------------------------------------------------------------------------------------------------------
    private Action<int, int>? Norm(FastNorm? norm, byte* x, byte* y)
    {
        if (norm is null) return null;
        return (row, rows) => norm.Forward(x + (long)row * _hidden * _k.Size, y + (long)row * _hidden * _k.Size, rows);
    }

    // The norm's output again; without a norm what it would read.
    private byte* Again(int n, FastNorm? norm, byte* x, byte* y)
    {
        if (norm is null) return x;
        var each = Norm(norm, x, y)!;
        Workers.For(n / Workspace.Width, (_, job) => each(job * Workspace.Width, Workspace.Width));
        return y;
    }

    private void NormSum(int n, FastNorm? norm, byte* x, byte* y0, byte* y)
    {
        if (norm is null) return;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            long at = (long)job * Workspace.Width * _hidden * _k.Size;
            norm.ForwardSum(x + at, y0 + at, y + at, Workspace.Width);
        });
    }

    // dx += the gradient; returns the norm's output, made again in y where it is wanted.
    private byte* NormBackward(int n, FastNorm? norm, byte* x, byte* dy, byte* dx, byte* y, bool again)
    {
        if (norm is null) return x;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            long at = (long)job * Workspace.Width * _hidden * _k.Size;
            norm.BackwardSum(x + at, dy + at, dx + at, again ? y + at : null, Workspace.Width);
        });
        return y;
    }

    // The gradient of a part's last projection, given that of the residual stream.
    private byte* Above(int n, FastNorm? norm, byte* output, byte* gradient, byte* scratch)
    {
        float scale = (float)_spec.ResidualScale;
        if (norm is null && scale == 1) return gradient;
        if (norm is null) ScaleRows(n, gradient, scratch, scale);
        else Workers.For(n / Workspace.Width, (_, job) =>
        {
            long at = (long)job * Workspace.Width * _hidden * _k.Size;
            norm.Backward(output + at, gradient + at, scratch + at, Workspace.Width);
        });
        return scratch;
    }

    // Queries and keys through their norms, if they have any, values as they are.
    private byte* Normalised(int n, byte* qkv, byte* to)
    {
        var (queries, keys) = Widths;
        long bytes = (long)Qkv.Out * _k.Size, keysAt = (long)queries * _k.Size, valuesAt = (long)(queries + keys) * _k.Size;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            for (long at = job * Workspace.Width * bytes, end = at + Workspace.Width * bytes; at < end; at += bytes)
            {
                if (_queryNorm is null)
                {
                    Buffer.MemoryCopy(qkv + at, to + at, bytes, bytes);
                    continue;
                }
                _queryNorm.Forward(qkv + at, to + at, queries / _queryNorm.Width);
                _keyNorm!.Forward(qkv + at + keysAt, to + at + keysAt, keys / _keyNorm.Width);
                Buffer.MemoryCopy(qkv + at + valuesAt, to + at + valuesAt, bytes - valuesAt, bytes - valuesAt);
            }
        });
        return to;
    }

    private void NormalisedBackward(int n, byte* qkv, byte* gradient)
    {
        var (queries, keys) = Widths;
        long bytes = (long)Qkv.Out * _k.Size, keysAt = (long)queries * _k.Size;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            for (long at = job * Workspace.Width * bytes, end = at + Workspace.Width * bytes; at < end; at += bytes)
            {
                _queryNorm!.Backward(qkv + at, gradient + at, gradient + at, queries / _queryNorm.Width);
                _keyNorm!.Backward(qkv + at + keysAt, gradient + at + keysAt, gradient + at + keysAt, keys / _keyNorm.Width);
            }
        });
    }

    private (int Queries, int Keys) Widths => (_spec.Attention.Heads * _spec.Attention.HeadSize, _spec.Attention.KeyHeads * _spec.Attention.HeadSize);

    private void Turn(int n, byte* qkv, RopeRows? rope, bool back)
    {
        if (rope is null) return;
        var a = _spec.Attention;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            for (int token = job * Workspace.Width; token < (job + 1) * Workspace.Width; token++)
            {
                byte* row = qkv + (long)token * Qkv.Out * _k.Size;
                float* cosines = rope.Cosines(token), sines = rope.Sines(token);
                if (a.Layout != QkvLayout.PerHead) _k.Rotate(row, a.Heads + a.KeyHeads, a.HeadSize, rope.Half, cosines, sines, back);
                else
                    for (int part = 0; part < 2; part++) _k.Rotate(row + part * a.HeadSize * _k.Size, a.Heads, 3 * a.HeadSize, rope.Half, cosines, sines, back);
            }
        });
    }

    private TileSink Plain(byte* to, int width)
        => (panel, row, rows, tile) => _k.Store(tile, Workspace.Width, rows, panel.Columns, to + ((long)row * width + panel.At) * _k.Size, width, 1);

    // What becomes of a part's last product: kept, added to the residual stream, or both; null: neither is wanted. A norm adds it later.
    private TileSink? Sink(FastNorm? norm, byte* kept, byte* from, byte* to)
    {
        if (kept is null) return to is null ? null : Residual(from, to);
        var keep = WithBias(kept);
        return norm is not null || to is null ? keep : keep + Residual(from, to);
    }

    private TileSink WithBias(byte* to)
        => (panel, row, rows, tile) => _k.StoreSum(tile, Workspace.Width, rows, panel.Columns, to + ((long)row * _hidden + panel.At) * _k.Size, _hidden, 1, BiasOf(panel), null);

    private TileSink Onto(byte* sum) => (panel, row, rows, tile) =>
    {
        byte* to = sum + ((long)row * _hidden + panel.At) * _k.Size;
        _k.StoreSum(tile, Workspace.Width, rows, panel.Columns, to, _hidden, 1, null, to);
    };

    private TileSink Residual(byte* from, byte* to) => (panel, row, rows, tile) =>
    {
        long at = ((long)row * _hidden + panel.At) * _k.Size;
        _k.StoreSum(tile, Workspace.Width, rows, panel.Columns, to + at, _hidden, (float)_spec.ResidualScale, BiasOf(panel), from + at);
    };

    private void ScaleRows(int n, byte* from, byte* to, float scale) => Workers.For(n, (worker, row) =>
    {
        float* wide = stackalloc float[_hidden];
        _k.Widen(from + (long)row * _hidden * _k.Size, wide, _hidden, scale);
        _k.Narrow(wide, to + (long)row * _hidden * _k.Size, _hidden, 1);
    });

    private static float* BiasOf(Panel panel) => panel.Part.Bias is { } bias ? (float*)bias.Start + panel.Row : null;

    public void Dispose()
    {
        foreach (var stack in Stacks) stack.Dispose();
        foreach (var norm in (FastNorm?[])[_inputNorm, _queryNorm, _keyNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm]) norm?.Dispose();
    }
}

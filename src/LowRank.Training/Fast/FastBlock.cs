using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>One block, forward and backward. Norms and activations are made again in the backward pass.</summary>
internal sealed unsafe class FastBlock : IDisposable
{
    private readonly PlainBlock _block;
    private readonly DecoderSpec _spec;
    private readonly Kernels _k;
    private readonly NativeBlock _inputNorm, _feedForwardNorm;
    private readonly GateKind _kind;
    private readonly int _hidden, _inner, _window;

    public FastBlock(PlainBlock block, DecoderSpec spec, Workspace space, Func<Projection, FastLinear> open)
    {
        (_block, _spec, _k, _hidden, _inner, _window) = (block, spec, space.Kernels, spec.HiddenSize, spec.FeedForward.Size, block.Window ?? 1 << 30);
        Qkv = new([.. block.Qkv.Select(open)], false, space);
        Output = new([open(block.Output)], false, space);
        GateUp = new([.. block.GateUp.Select(open)], true, space);
        Down = new([open(block.Down)], false, space);
        (_inputNorm, _feedForwardNorm) = (Floats(block.InputNorm.Factors()), Floats(block.FeedForwardNorm.Factors()));
        _kind = spec.FeedForward.Activation == Activation.Silu ? GateKind.Silu : GateKind.GeluTanh;
    }

    public FastStack Qkv { get; }
    public FastStack Output { get; }
    public FastStack GateUp { get; }
    public FastStack Down { get; }
    public IEnumerable<FastStack> Stacks => [Qkv, Output, GateUp, Down];
    public RopeSpec? Rope => _block.Rope;
    /// <summary>Bytes of the norms' factors and of the stacks' copies.</summary>
    public long Held => _inputNorm.Bytes + _feedForwardNorm.Bytes + Stacks.Sum(s => s.Held);

    /// <summary>[N, H] -> [N, H].</summary>
    public void Forward(FastSlice slice, byte* input, byte* output, Saved s, Shared b, FastAttention attention, RopeRows? rope)
    {
        int n = slice.Rows, qkv = Qkv.Out;
        long t = StepClock.Start();
        Qkv.Lows(n, b.X, b.Low, s.LowQkv, Norm(_inputNorm, input, b.X, _block.InputNorm.Epsilon));
        t = StepClock.Tick("norms and low-rank middles", t);
        Qkv.Forward(n, b.X, b.Low, (panel, row, rows, tile) => _k.StoreSum(tile, Workspace.Width, rows, panel.Columns, s.Qkv + ((long)row * qkv + panel.At) * _k.Size, qkv, 1, BiasOf(panel), null));
        t = StepClock.Tick("projections forward", t);
        Turn(n, s.Qkv, rope, back: false);
        t = StepClock.Tick("rotary", t);
        attention.Forward(slice, s.Qkv, s.Mixed, s.Lse, _window);
        t = StepClock.Tick("attention forward", t);
        Output.Lows(n, s.Mixed, b.Low, s.LowOutput, null);
        t = StepClock.Tick("norms and low-rank middles", t);
        Output.Forward(n, s.Mixed, b.Low, Residual(input, s.Middle));
        t = StepClock.Tick("projections forward", t);

        GateUp.Lows(n, b.X, b.Low, s.LowGateUp, Norm(_feedForwardNorm, s.Middle, b.X, _block.FeedForwardNorm.Epsilon));
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Forward(n, b.X, b.Low, (panel, row, rows, tile) =>
        {
            AddBias(panel, rows, tile);
            byte* gate = s.GateUp + ((long)row * 2 * _inner + panel.At) * _k.Size;
            _k.Gate(_kind, tile, tile + Panel.Half, Workspace.Width, rows, panel.Columns, gate, gate + (long)_inner * _k.Size, 2 * _inner, b.Act + ((long)row * _inner + panel.At) * _k.Size, _inner);
        });
        t = StepClock.Tick("projections forward", t);
        Down.Lows(n, b.Act, b.Low, s.LowDown, null);
        t = StepClock.Tick("norms and low-rank middles", t);
        if (output is not null) Down.Forward(n, b.Act, b.Low, Residual(s.Middle, output));
        StepClock.Tick("projections forward", t);
    }

    /// <summary>Turns the gradient of the block's output into that of its input, where that is wanted, and adds the adapters' gradients.</summary>
    public void Backward(FastSlice slice, byte* input, byte* gradient, Saved s, Shared b, FastAttention attention, RopeRows? rope, bool wantsInput)
    {
        int n = slice.Rows, wide = 2 * _inner;
        float scale = (float)_spec.ResidualScale;
        byte* above = gradient;
        long t = StepClock.Start();
        if (scale != 1)
        {
            above = b.X;
            ScaleRows(n, gradient, above, scale);
        }
        Down.Above(n, above, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        Down.Backward(n, above, b.Low, (panel, row, rows, tile) =>
        {
            byte* gate = s.GateUp + ((long)row * wide + panel.At) * _k.Size;
            _k.GateBackward(_kind, tile, Workspace.Width, rows, panel.Columns, gate, gate + (long)_inner * _k.Size, wide, b.Act + ((long)row * _inner + panel.At) * _k.Size, _inner);
        });
        t = StepClock.Tick("projections backward", t);
        Down.Gradients(n, b.Act, above, s.LowDown, b.LowT);
        t = StepClock.Tick("adapter gradients", t);
        GateUp.Above(n, s.GateUp, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Backward(n, s.GateUp, b.Low, Plain(b.Gradient, _hidden));
        t = StepClock.Tick("projections backward", t);
        NormBackward(n, _feedForwardNorm, s.Middle, b.Gradient, gradient, GateUp.IsAdapted ? b.X : null, _block.FeedForwardNorm.Epsilon);
        t = StepClock.Tick("norms and low-rank middles", t);
        GateUp.Gradients(n, b.X, s.GateUp, s.LowGateUp, b.LowT);
        t = StepClock.Tick("adapter gradients", t);

        if (scale != 1) ScaleRows(n, gradient, above, scale);
        Output.Above(n, above, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        Output.Backward(n, above, b.Low, Plain(b.MixedGradient, Output.In));
        t = StepClock.Tick("projections backward", t);
        Output.Gradients(n, s.Mixed, above, s.LowOutput, b.LowT);
        t = StepClock.Tick("adapter gradients", t);
        if (!wantsInput && !Qkv.IsAdapted) return;
        attention.Backward(slice, s.Qkv, s.Mixed, b.MixedGradient, s.Lse, b.QkvGradient, _window);
        t = StepClock.Tick("attention backward", t);
        Turn(n, b.QkvGradient, rope, back: true);
        t = StepClock.Tick("rotary", t);
        Qkv.Above(n, b.QkvGradient, b.Low, b.LowT);
        t = StepClock.Tick("norms and low-rank middles", t);
        if (wantsInput)
        {
            Qkv.Backward(n, b.QkvGradient, b.Low, Plain(b.Gradient, _hidden));
            t = StepClock.Tick("projections backward", t);
            NormBackward(n, _inputNorm, input, b.Gradient, gradient, Qkv.IsAdapted ? b.X : null, _block.InputNorm.Epsilon);
        }
        else Workers.For(n / Workspace.Width, (_, job) => Norm(_inputNorm, input, b.X, _block.InputNorm.Epsilon)(job * Workspace.Width, Workspace.Width));
        t = StepClock.Tick("norms and low-rank middles", t);
        Qkv.Gradients(n, b.X, b.QkvGradient, s.LowQkv, b.LowT);
        StepClock.Tick("adapter gradients", t);
    }

    // ------------------------------------------------------------------------------------------------------------------------------------
    private Action<int, int> Norm(NativeBlock weight, byte* x, byte* y, double epsilon)
        => (row, rows) => _k.RmsNorm(x + (long)row * _hidden * _k.Size, (float*)weight.Start, y + (long)row * _hidden * _k.Size, rows, _hidden, (float)epsilon);

    private void NormBackward(int n, NativeBlock weight, byte* x, byte* dy, byte* dx, byte* y, double epsilon)
        => Workers.For(n / Workspace.Width, (_, job) =>
        {
            long at = (long)job * Workspace.Width * _hidden * _k.Size;
            _k.RmsNormBackward(x + at, (float*)weight.Start, dy + at, dx + at, y is null ? null : y + at, Workspace.Width, _hidden, (float)epsilon);
        });

    private void Turn(int n, byte* qkv, RopeRows? rope, bool back)
    {
        if (rope is null) return;
        var a = _spec.Attention;
        Workers.For(n / Workspace.Width, (_, job) =>
        {
            for (int token = job * Workspace.Width; token < (job + 1) * Workspace.Width; token++)
                _k.Rotate(qkv + (long)token * Qkv.Out * _k.Size, a.Heads + a.KeyHeads, a.HeadSize, rope.Half, rope.Cosines(token), rope.Sines(token), back);
        });
    }

    private TileSink Plain(byte* to, int width)
        => (panel, row, rows, tile) => _k.Store(tile, Workspace.Width, rows, panel.Columns, to + ((long)row * width + panel.At) * _k.Size, width, 1);

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

    private static void AddBias(Panel panel, int rows, float* tile)
    {
        for (int half = 0; half < 2; half++)
            if ((half == 0 ? panel.Part : panel.Second!).Bias is { } bias)
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < panel.Columns; c++) tile[r * Workspace.Width + half * Panel.Half + c] += ((float*)bias.Start)[(half == 0 ? panel.Row : panel.SecondRow) + c];
    }

    private static float* BiasOf(Panel panel) => panel.Part.Bias is { } bias ? (float*)bias.Start + panel.Row : null;

    private static NativeBlock Floats(float[] values)
    {
        var block = new NativeBlock(values.Length * sizeof(float));
        values.CopyTo(new Span<float>(block.Start, values.Length));
        return block;
    }

    public void Dispose()
    {
        foreach (var stack in Stacks) stack.Dispose();
        _inputNorm.Dispose();
        _feedForwardNorm.Dispose();
    }
}

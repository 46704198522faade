using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What one block's backward pass needs of its forward pass. Lows are the transposed low-rank middles, at least <paramref name="rank"/> rows.</summary>
internal sealed unsafe class Saved(FastBlock block, DecoderSpec spec, Kernels kernels, int rows, int rank = 0) : IDisposable
{
    // Attention's tiles may read up to 63 rows beyond the last.
    private readonly NativeBlock _qkv = new((rows + 64L) * block.Qkv.Out * kernels.Size), _mixed = new((long)rows * block.Output.In * kernels.Size),
        _lse = new((long)rows * spec.Attention.Heads * sizeof(float)), _middle = new((long)rows * spec.HiddenSize * kernels.Size), _gateUp = new((long)rows * block.GateUp.Out * kernels.Size),
        _lowQkv = new((long)rows * Math.Max(rank, block.Qkv.Rank) * kernels.Size), _lowOutput = new((long)rows * Math.Max(rank, block.Output.Rank) * kernels.Size),
        _lowGateUp = new((long)rows * Math.Max(rank, block.GateUp.Rank) * kernels.Size), _lowDown = new((long)rows * Math.Max(rank, block.Down.Rank) * kernels.Size);

    private NativeBlock? _attentionOut, _feedForwardOut;

    /// <summary>[N, (heads + 2 keyHeads)·d], turned; not yet where <see cref="FastBlock.KeepsRaw"/>.</summary>
    public byte* Qkv => _qkv.Start;
    /// <summary>[N, heads·d] attention's output.</summary>
    public byte* Mixed => _mixed.Start;
    /// <summary>[heads, N]</summary>
    public float* Lse => (float*)_lse.Start;
    /// <summary>[N, H] the residual stream between attention and feed-forward.</summary>
    public byte* Middle => _middle.Start;
    /// <summary>[N, H] what comes out of attention's last projection, where <see cref="FastBlock.KeepsAttentionOut"/>.</summary>
    public byte* AttentionOut => (_attentionOut ??= new((long)rows * spec.HiddenSize * kernels.Size)).Start;
    /// <summary>[N, H] what comes out of the down projection, where <see cref="FastBlock.KeepsFeedForwardOut"/>.</summary>
    public byte* FeedForwardOut => (_feedForwardOut ??= new((long)rows * spec.HiddenSize * kernels.Size)).Start;
    /// <summary>[N, 2·I] gates and ups; in the backward pass their gradients.</summary>
    public byte* GateUp => _gateUp.Start;
    /// <summary>[r, N]</summary>
    public byte* LowQkv => _lowQkv.Start;
    /// <summary>[r, N]</summary>
    public byte* LowOutput => _lowOutput.Start;
    /// <summary>[r, N]</summary>
    public byte* LowGateUp => _lowGateUp.Start;
    /// <summary>[r, N]</summary>
    public byte* LowDown => _lowDown.Start;

    /// <summary>Bytes a row takes.</summary>
    public static long BytesPerRow(FastBlock block, DecoderSpec spec, int size)
        => (long)size * (block.Qkv.Out + block.Output.In + (1 + (block.KeepsAttentionOut ? 1 : 0) + (block.KeepsFeedForwardOut ? 1 : 0)) * spec.HiddenSize + block.GateUp.Out + block.Stacks.Where(s => s.IsAdapted).Sum(s => s.Rank)) + spec.Attention.Heads * sizeof(float);

    public void Dispose()
    {
        foreach (var part in (NativeBlock?[])[_qkv, _mixed, _lse, _middle, _attentionOut, _feedForwardOut, _gateUp, _lowQkv, _lowOutput, _lowGateUp, _lowDown]) part?.Dispose();
    }
}

/// <summary>Buffers that all blocks share.</summary>
internal sealed unsafe class Shared(FastBlock block, DecoderSpec spec, int rank, Kernels kernels, int rows) : IDisposable
{
    private readonly NativeBlock _x = new((long)rows * spec.HiddenSize * kernels.Size), _act = new((long)rows * spec.FeedForward.Size * kernels.Size),
        _low = new((long)rows * rank * kernels.Size), _lowT = new((long)rows * rank * kernels.Size), _gradient = new((long)rows * spec.HiddenSize * kernels.Size),
        _mixedGradient = new((long)rows * block.Output.In * kernels.Size), _qkvGradient = new((long)rows * block.Qkv.Out * kernels.Size), _above = new((long)rows * spec.HiddenSize * kernels.Size);

    private NativeBlock? _turned, _products;

    /// <summary>[N, H] a norm's output.</summary>
    public byte* X => _x.Start;
    /// <summary>[N, I] what goes into the down projection.</summary>
    public byte* Act => _act.Start;
    /// <summary>[N, r] a low-rank middle, or its gradient.</summary>
    public byte* Low => _low.Start;
    /// <summary>[r, N] its transpose.</summary>
    public byte* LowT => _lowT.Start;
    /// <summary>[N, H] the gradient of a norm's output.</summary>
    public byte* Gradient => _gradient.Start;
    /// <summary>[N, heads·d]</summary>
    public byte* MixedGradient => _mixedGradient.Start;
    /// <summary>[N, (heads + 2 keyHeads)·d]</summary>
    public byte* QkvGradient => _qkvGradient.Start;
    /// <summary>[N, (heads + 2 keyHeads)·d] queries, keys and values as attention reads them, where <see cref="FastBlock.KeepsRaw"/>.</summary>
    public byte* Turned => (_turned ??= new((rows + 64L) * block.Qkv.Out * kernels.Size)).Start;
    /// <summary>[N / 64, 2·I] sums of gates and ups times their gradients, where they have DoRA's gains.</summary>
    public float* Products => (float*)(_products ??= new((long)rows / Workspace.Width * block.GateUp.Out * sizeof(float))).Start;
    /// <summary>[N, H] the gradient of a block's output.</summary>
    public byte* Above => _above.Start;

    /// <summary>Bytes a row takes.</summary>
    public static long BytesPerRow(FastBlock block, DecoderSpec spec, int rank, int size)
        => (long)size * (3L * spec.HiddenSize + spec.FeedForward.Size + 2L * rank + block.Output.In + (block.KeepsRaw ? 2 : 1) * block.Qkv.Out);

    public void Dispose()
    {
        foreach (var part in (NativeBlock?[])[_x, _act, _low, _lowT, _gradient, _mixedGradient, _qkvGradient, _turned, _products, _above]) part?.Dispose();
    }
}

/// <summary>Cosines and sines of each row of a slice, [N, half] float32.</summary>
internal sealed unsafe class RopeRows : IDisposable
{
    private readonly NativeBlock _cosines, _sines;

    /// <summary>The table for a slice; positions restart with every sequence.</summary>
    public RopeRows(RopeSpec rope, FastSlice slice, Dictionary<(RopeSpec, int), (float[] Cosines, float[] Sines)> tables)
    {
        Half = rope.Pairs;
        long bytes = (long)slice.Rows * Half * sizeof(float);
        (_cosines, _sines) = (new(bytes), new(bytes));
        int longest = slice.Sequences.Max(s => s.Length);
        foreach (var sequence in slice.Sequences)
        {
            int length = rope.DependsOnLength ? sequence.Length : longest;
            if (!tables.TryGetValue((rope, length), out var table)) tables.Add((rope, length), table = RopeFrequencies.Table(rope, length));
            int count = sequence.Length * Half, at = sequence.Start * Half;
            table.Cosines.AsSpan(0, count).CopyTo(new Span<float>((float*)_cosines.Start + at, count));
            table.Sines.AsSpan(0, count).CopyTo(new Span<float>((float*)_sines.Start + at, count));
        }
    }

    /// <summary>Pairs that are turned.</summary>
    public int Half { get; }
    /// <summary>A row's cosines.</summary>
    public float* Cosines(int row) => (float*)_cosines.Start + (long)row * Half;
    /// <summary>A row's sines.</summary>
    public float* Sines(int row) => (float*)_sines.Start + (long)row * Half;

    public void Dispose()
    {
        _cosines.Dispose();
        _sines.Dispose();
    }
}

using System.Numerics;
using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Parts of one block of memory, each on a line of its own.</summary>
internal sealed class Layout
{
    /// <summary>Bytes so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the next part of that many bytes begins.</summary>
    public long Add(long bytes)
    {
        long at = Bytes;
        Bytes += (bytes + 127) / 64 * 64; // at least a line apart, so that equal sizes do not fall on the same sets of a cache
        return at;
    }
}

/// <summary>What a block's backward pass needs of its forward pass, for slices of up to some rows. Lows are the transposed low-rank middles.</summary>
internal sealed unsafe class Saved
{
    private readonly byte* _start;
    private readonly long _qkv, _mixed, _lse, _middle, _attentionOut, _feedForwardOut, _gateUp, _lowQkv, _lowOutput, _lowGateUp, _lowDown;

    /// <summary>Lays the parts out from <paramref name="start"/> on (null: only to learn <see cref="Bytes"/>).</summary>
    public Saved(FastWidths widths, int rows, byte* start)
    {
        _start = start;
        var layout = new Layout();
        _qkv = layout.Add((rows + 64L) * widths.Qkv * widths.Size); // attention's tiles may read up to 63 rows beyond the last
        _mixed = layout.Add((long)rows * widths.Mixed * widths.Size);
        _lse = layout.Add((long)rows * widths.Heads * sizeof(float));
        _middle = layout.Add((long)rows * widths.Hidden * widths.Size);
        _attentionOut = layout.Add((long)rows * widths.AttentionOut * widths.Size);
        _feedForwardOut = layout.Add((long)rows * widths.FeedForwardOut * widths.Size);
        _gateUp = layout.Add((long)rows * widths.GateUp * widths.Size);
        _lowQkv = layout.Add((long)rows * widths.RankQkv * widths.Size);
        _lowOutput = layout.Add((long)rows * widths.RankOutput * widths.Size);
        _lowGateUp = layout.Add((long)rows * widths.RankGateUp * widths.Size);
        _lowDown = layout.Add((long)rows * widths.RankDown * widths.Size);
        Bytes = layout.Bytes;
    }

    /// <summary>Bytes of all parts.</summary>
    public long Bytes { get; }
    /// <summary>[N, (heads + 2 keyHeads)·d], turned; not yet where <see cref="FastBlock.KeepsRaw"/>.</summary>
    public byte* Qkv => _start + _qkv;
    /// <summary>[N, heads·d] attention's output.</summary>
    public byte* Mixed => _start + _mixed;
    /// <summary>[heads, N]</summary>
    public float* Lse => (float*)(_start + _lse);
    /// <summary>[N, H] the residual stream between attention and feed-forward.</summary>
    public byte* Middle => _start + _middle;
    /// <summary>[N, H] what comes out of attention's last projection, where <see cref="FastBlock.KeepsAttentionOut"/>.</summary>
    public byte* AttentionOut => _start + _attentionOut;
    /// <summary>[N, H] what comes out of the down projection, where <see cref="FastBlock.KeepsFeedForwardOut"/>.</summary>
    public byte* FeedForwardOut => _start + _feedForwardOut;
    /// <summary>[N, 2·I] gates and ups, or [N, I] what goes into the non-linearity; in the backward pass their gradients.</summary>
    public byte* GateUp => _start + _gateUp;
    /// <summary>[r, N]</summary>
    public byte* LowQkv => _start + _lowQkv;
    /// <summary>[r, N]</summary>
    public byte* LowOutput => _start + _lowOutput;
    /// <summary>[r, N]</summary>
    public byte* LowGateUp => _start + _lowGateUp;
    /// <summary>[r, N]</summary>
    public byte* LowDown => _start + _lowDown;
}

/// <summary>Buffers that all blocks share.</summary>
internal sealed unsafe class Shared
{
    private readonly byte* _start;
    private readonly long _x, _act, _low, _lowT, _gradient, _mixedGradient, _qkvGradient, _turned, _products;

    /// <summary>Lays the parts out from <paramref name="start"/> on (null: only to learn <see cref="Bytes"/>).</summary>
    public Shared(FastWidths widths, int rows, byte* start)
    {
        _start = start;
        var layout = new Layout();
        long Part(long width) => layout.Add(rows * width * widths.Size);
        _x = Part(widths.Hidden);
        _act = Part(widths.Inner);
        _low = Part(widths.Rank);
        _lowT = Part(widths.Rank);
        _gradient = Part(widths.Hidden);
        _mixedGradient = Part(widths.Mixed);
        _qkvGradient = Part(widths.Qkv);
        _turned = layout.Add((rows + 64L) * widths.Turned * widths.Size);
        _products = layout.Add((long)rows / Workspace.Width * widths.Products * sizeof(float));
        Bytes = Math.Max(layout.Bytes, widths.Loss);
    }

    /// <summary>Bytes of all parts, or of the output layer's buffers, which lie here while no block works.</summary>
    public long Bytes { get; }
    /// <summary>The first byte.</summary>
    public byte* Start => _start;
    /// <summary>[N, H] a norm's output.</summary>
    public byte* X => _start + _x;
    /// <summary>[N, I] what goes into the down projection.</summary>
    public byte* Act => _start + _act;
    /// <summary>[N, r] a low-rank middle, or its gradient.</summary>
    public byte* Low => _start + _low;
    /// <summary>[r, N] its transpose.</summary>
    public byte* LowT => _start + _lowT;
    /// <summary>[N, H] the gradient of a norm's output.</summary>
    public byte* Gradient => _start + _gradient;
    /// <summary>[N, heads·d]</summary>
    public byte* MixedGradient => _start + _mixedGradient;
    /// <summary>[N, (heads + 2 keyHeads)·d]</summary>
    public byte* QkvGradient => _start + _qkvGradient;
    /// <summary>[N, (heads + 2 keyHeads)·d] queries, keys and values as attention reads them, where <see cref="FastBlock.KeepsRaw"/>.</summary>
    public byte* Turned => _start + _turned;
    /// <summary>[N / 64, 2·I] sums of gates and ups times their gradients, where they have DoRA's gains.</summary>
    public float* Products => (float*)(_start + _products);
}

/// <summary>Cosines and sines of each row of a slice, [N, half] float32.</summary>
internal sealed unsafe class RopeRows : IDisposable
{
    private const int MostTables = 64;

    private readonly NativeBlock _cosines, _sines;

    /// <summary>The table for a slice; positions restart with every sequence.</summary>
    public RopeRows(RopeSpec rope, FastSlice slice, Dictionary<(RopeSpec, int), (float[] Cosines, float[] Sines)> tables)
    {
        Half = rope.Pairs;
        long bytes = (long)slice.Rows * Half * sizeof(float);
        (_cosines, _sines) = (new(bytes), new(bytes));
        int longest = (int)BitOperations.RoundUpToPowerOf2((uint)slice.Sequences.Max(s => s.Length)); // few tables in a run of many lengths
        foreach (var sequence in slice.Sequences)
        {
            int length = rope.DependsOnLength ? sequence.Reach : longest;
            if (!tables.TryGetValue((rope, length), out var table))
            {
                if (tables.Count == MostTables) tables.Clear();
                tables.Add((rope, length), table = RopeFrequencies.Table(rope, length));
            }
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

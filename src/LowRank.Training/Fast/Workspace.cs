using System.Runtime.CompilerServices;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What a thread needs beside its inputs and outputs, sized once for a model.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Columns of a product's panel and tile.</summary>
    public const int Width = 64;
    /// <summary>Columns of a gradient's panel: longer stretches of a row are read than of a product's.</summary>
    public const int Wide = 2 * Width;
    /// <summary>Rows of a product's tile.</summary>
    public const int TileRows = 256;
    /// <summary>Depth of one product: its part of a panel stays in the second-level cache.</summary>
    public const int Depth = 1024;

    private const long LeftBytes = 640 << 10;

    private readonly NativeBlock[] _panels, _tiles, _rows;
    private NativeBlock? _expanded, _packed;

    /// <summary>For products of up to <paramref name="depth"/> numbers a sum, adapters of up to <paramref name="rank"/> rows together and rows of up to <paramref name="columns"/> numbers.</summary>
    public Workspace(Kernels kernels, int depth, int rank, int columns)
    {
        Kernels = kernels;
        NativeBlock[] Each(long bytes) => [.. Enumerable.Range(0, Workers.Count).Select(_ => new NativeBlock(bytes))];
        long panel = (long)(Math.Max(depth, Wide / Width * TileRows) + 2 * rank) * Width * kernels.Size, turned = (long)rank * Wide * sizeof(float); // a product's right side; a gradient's sums, turned
        _panels = Each(Math.Max(panel, turned));
        _tiles = Each((long)Math.Max(TileRows, rank + Width) * Math.Max(Wide, rank) * sizeof(float));
        _rows = Each((long)Width * Math.Max(columns, rank) * sizeof(float));
    }

    /// <summary>The passes.</summary>
    public Kernels Kernels { get; }
    /// <summary>A thread's panel.</summary>
    public byte* Panel(int worker) => _panels[worker].Start;
    /// <summary>A thread's float32 tile.</summary>
    public float* Tile(int worker) => (float*)_tiles[worker].Start;
    /// <summary>A thread's 64 rows of weights.</summary>
    public byte* Rows(int worker) => _rows[worker].Start;

    /// <summary>Bytes of the threads' scratch, without what grows.</summary>
    public long Held => _panels.Concat(_tiles).Concat(_rows).Sum(b => b.Bytes);
    /// <summary>Bytes of what has grown so far.</summary>
    public long Grown => (_expanded?.Bytes ?? 0) + (_packed?.Bytes ?? 0);

    /// <summary>A whole expanded weight; shared by all threads.</summary>
    public byte* Expanded(long bytes) => Grow(ref _expanded, bytes);
    /// <summary>All panels of a product; shared by all threads.</summary>
    public byte* Packed(long bytes) => Grow(ref _packed, bytes);

    private static byte* Grow(ref NativeBlock? block, long bytes)
    {
        if (block is null || block.Bytes < bytes)
        {
            block?.Dispose();
            block = null; // the next may not be had
            block = new NativeBlock(bytes);
        }
        return block.Start;
    }

    /// <summary>C [m, n] = A [m, depth]·panel [depth, n], or added, in parts of the depth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Multiply(int m, int n, int depth, byte* a, int lda, byte* panel, float* c, int ldc, bool add)
    {
        for (int k = 0; k < depth; k += Depth)
            Kernels.Multiply(m, n, Math.Min(Depth, depth - k), a + (long)k * Kernels.Size, lda, panel + (long)k * n * Kernels.Size, n, c, ldc, add || k > 0);
    }

    /// <summary>Rows of a tile's left side, whose rows take <paramref name="bytes"/> each, so that they stay in the second-level cache.</summary>
    public static int RowsOf(long bytes) => (int)Math.Clamp(LeftBytes / bytes / Width * Width, Width, TileRows);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in (NativeBlock[])[.. _panels, .. _tiles, .. _rows]) block.Dispose();
        _expanded?.Dispose();
        _packed?.Dispose();
    }
}

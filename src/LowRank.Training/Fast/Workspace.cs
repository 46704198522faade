using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What a thread needs beside its inputs and outputs, sized once for a model.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Columns of a product's panel and tile.</summary>
    public const int Width = 64;
    /// <summary>Rows of a product's tile.</summary>
    public const int TileRows = 256;
    /// <summary>Depth of one product: its part of a panel stays in the second-level cache.</summary>
    public const int Depth = 1024;

    private readonly NativeBlock[] _panels, _tiles, _rows;
    private NativeBlock? _expanded;

    /// <summary>For products of up to <paramref name="depth"/> numbers a sum, adapters of up to <paramref name="rank"/> rows together and rows of up to <paramref name="columns"/> numbers.</summary>
    public Workspace(Kernels kernels, int depth, int rank, int columns)
    {
        Kernels = kernels;
        NativeBlock[] Each(long bytes) => [.. Enumerable.Range(0, Workers.Count).Select(_ => new NativeBlock(bytes))];
        _panels = Each((long)(Math.Max(depth, TileRows) + 2 * rank) * Width * kernels.Size);
        _tiles = Each((long)Math.Max(TileRows, rank + Width) * Math.Max(Width, rank) * sizeof(float));
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

    /// <summary>A whole expanded weight; shared by all threads.</summary>
    public byte* Expanded(long bytes)
    {
        if (_expanded is null || _expanded.Bytes < bytes)
        {
            _expanded?.Dispose();
            _expanded = new NativeBlock(bytes);
        }
        return _expanded.Start;
    }

    /// <summary>C [m, n] = A [m, depth]·panel [depth, n], or added, in parts of the depth.</summary>
    public void Multiply(int m, int n, int depth, byte* a, int lda, byte* panel, float* c, int ldc, bool add)
    {
        for (int k = 0; k < depth; k += Depth)
            Kernels.Multiply(m, n, Math.Min(Depth, depth - k), a + (long)k * Kernels.Size, lda, panel + (long)k * n * Kernels.Size, n, c, ldc, add || k > 0);
    }

    /// <summary>Into how many parts rows are cut so that <paramref name="panels"/> x parts keep all threads busy to the end.</summary>
    public static int Parts(int panels, int rows)
    {
        int threads = Workers.Count, most = Math.Max(1, rows / 128);
        for (int parts = 1; parts < most; parts++)
        {
            int jobs = panels * parts, rounds = (jobs + threads - 1) / threads;
            if (rounds * threads <= jobs * 1.04) return parts;
        }
        return most;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in (NativeBlock[])[.. _panels, .. _tiles, .. _rows]) block.Dispose();
        _expanded?.Dispose();
    }
}

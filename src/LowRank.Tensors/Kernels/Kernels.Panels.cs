using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>Panels for products, and what becomes of a product's float32 tile.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(int m, int n, int k, void* a, int lda, void* b, int ldb, float* c, int ldc, bool add)
    {
        if (TE.Pair == 1) TileProduct.Multiply(m, n, k, (float*)a, lda, (float*)b, ldb, c, ldc, add);
        else TileProduct.Multiply(m, n, k, (ushort*)a, lda, (ushort*)b, ldb, c, ldc, add);
    }

    private const int RowsAhead = 8, PackedAhead = 16;

    // Asks for the row some rows further on: a tile of a matrix is a short stretch of each of its rows, which no processor foresees.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(TE* row, long pitch, int columns, int rowsLeft, int ahead = RowsAhead)
    {
        if (!Sse.IsSupported || TL.Count == 1 || rowsLeft <= ahead) return;
        byte* at = (byte*)(row + ahead * pitch), end = at + columns * sizeof(TE);
        for (; at < end; at += 64) Sse.Prefetch0(at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void PackRows(void* x, long pitch, int rows, int columns, void* panel, int depth, int width)
    {
        for (int k = 0; k < depth; k += TE.Pair)
        {
            uint* to = (uint*)panel + (long)(k / TE.Pair) * width;
            int done = 0;
            if (k < rows)
            {
                TE* first = (TE*)x + k * pitch;
                Fetch(first, pitch, columns, rows - k, PackedAhead);
                if (TE.Pair > 1) Fetch(first + pitch, pitch, columns, rows - k - 1, PackedAhead);
                if (TE.Pair == 1) Buffer.MemoryCopy(first, to, width * 4L, columns * 4L);
                else Interleave((ushort*)first, k + 1 < rows ? (ushort*)(first + pitch) : null, to, columns);
                done = columns;
            }
            if (done < width) new Span<uint>(to + done, width - done).Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave(ushort* first, ushort* second, uint* to, int count)
    {
        int i = 0;
        if (second is null)
        {
            for (; i < count; i++) to[i] = first[i];
            return;
        }
        if (Avx512BW.IsSupported && TL.Count == 16)
        {
            Vector512<ushort> lower = Vector512.Create(0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, (ushort)47), upper = lower + Vector512.Create((ushort)16);
            for (; i + 32 <= count; i += 32)
            {
                Vector512<ushort> a = Vector512.Load(first + i), b = Vector512.Load(second + i);
                Avx512BW.PermuteVar32x16x2(a, lower, b).AsUInt32().Store(to + i);
                Avx512BW.PermuteVar32x16x2(a, upper, b).AsUInt32().Store(to + i + 16);
            }
        }
        if (TL.Count > 1)
            for (; i + 16 <= count; i += 16)
            {
                var (near, far) = Vector256.Widen(Vector256.Load(first + i));
                var (near2, far2) = Vector256.Widen(Vector256.Load(second + i));
                (near | near2 << 16).Store(to + i);
                (far | far2 << 16).Store(to + i + 8);
            }
        for (; i < count; i++) to[i] = first[i] | (uint)second[i] << 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Store(float* x, long pitch, int rows, int columns, void* y, long pitchY, float scale)
    {
        for (int r = 0; r < rows; r++)
        {
            float* from = x + r * pitch;
            TE* to = (TE*)y + r * pitchY;
            StoreRow<Lanes1>(from, to, scale, StoreRow<TL>(from, to, scale, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int StoreRow<L>(float* x, TE* y, float scale, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(scale);
        for (; i + L.Count <= n; i += L.Count) TE.Store(L.Load(x + i) * factor, y + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void StoreSum(float* x, long pitch, int rows, int columns, void* y, long pitchY, float scale, float* bias, void* y0)
    {
        for (int r = 0; r < rows; r++)
        {
            float* from = x + r * pitch;
            TE* to = (TE*)y + r * pitchY, start = y0 is null ? null : (TE*)y0 + r * pitchY;
            SumRow<Lanes1>(from, to, scale, bias, start, SumRow<TL>(from, to, scale, bias, start, 0, columns), columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int SumRow<L>(float* x, TE* y, float scale, float* bias, TE* y0, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(scale);
        for (; i + L.Count <= n; i += L.Count)
        {
            var v = L.Load(x + i);
            if (bias is not null) v += L.Load(bias + i);
            v *= factor;
            if (y0 is not null) v += TE.Load<L>(y0 + i);
            TE.Store(v, y + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Widen(void* x, float* y, long count, float scale)
    {
        long i = 0;
        for (; i + TL.Count <= count; i += TL.Count) TL.Store(TE.Load<TL>((TE*)x + i) * TL.Of(scale), y + i);
        for (; i < count; i++) Lanes1.Store(TE.Load<Lanes1>((TE*)x + i) * Lanes1.Of(scale), y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Narrow(float* x, void* y, long count, float scale)
    {
        long i = 0;
        for (; i + TL.Count <= count; i += TL.Count) TE.Store(TL.Load(x + i) * TL.Of(scale), (TE*)y + i);
        for (; i < count; i++) TE.Store(Lanes1.Load(x + i) * Lanes1.Of(scale), (TE*)y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddColumns(void* x, long pitch, int rows, int columns, float* sums)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* from = (TE*)x + r * pitch;
            int i = 0;
            for (; i + TL.Count <= columns; i += TL.Count) TL.Store(TL.Load(sums + i) + TE.Load<TL>(from + i), sums + i);
            for (; i < columns; i++) Lanes1.Store(Lanes1.Load(sums + i) + TE.Load<Lanes1>(from + i), sums + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddProducts(void* x, long pitchX, void* y, long pitchY, int rows, int columns, float* sums)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* a = (TE*)x + r * pitchX, b = (TE*)y + r * pitchY;
            int i = 0;
            for (; i + TL.Count <= columns; i += TL.Count) TL.Store(TL.MultiplyAdd(TE.Load<TL>(a + i), TE.Load<TL>(b + i), TL.Load(sums + i)), sums + i);
            for (; i < columns; i++) Lanes1.Store(Lanes1.MultiplyAdd(TE.Load<Lanes1>(a + i), TE.Load<Lanes1>(b + i), Lanes1.Load(sums + i)), sums + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void ScaleTile(float* x, long pitch, int rows, int columns, float* factors)
    {
        for (int r = 0; r < rows; r++)
        {
            float* row = x + r * pitch;
            int i = 0;
            for (; i + TL.Count <= columns; i += TL.Count) TL.Store(TL.Load(row + i) * TL.Load(factors + i), row + i);
            for (; i < columns; i++) row[i] *= factors[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void ScaleColumns(void* x, float* factors, void* y, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* from = (TE*)x + (long)r * columns, to = (TE*)y + (long)r * columns;
            int i = 0;
            for (; i + TL.Count <= columns; i += TL.Count) TE.Store(TE.Load<TL>(from + i) * TL.Load(factors + i), to + i);
            for (; i < columns; i++) TE.Store(TE.Load<Lanes1>(from + i) * Lanes1.Load(factors + i), to + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Add(float* x, float* y, int count)
    {
        int i = 0;
        for (; i + TL.Count <= count; i += TL.Count) TL.Store(TL.Load(y + i) + TL.Load(x + i), y + i);
        for (; i < count; i++) y[i] += x[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Scale(float* y, int count, float factor)
    {
        int i = 0;
        for (; i + TL.Count <= count; i += TL.Count) TL.Store(TL.Load(y + i) * TL.Of(factor), y + i);
        for (; i < count; i++) y[i] *= factor;
    }
}

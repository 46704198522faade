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

    // A pair of bfloat16 numbers moves as one word, so both kinds are a transposition of words.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void PackTransposed(void* x, long pitch, int rows, int depth, void* panel, int columns, int width)
    {
        uint* to = (uint*)panel;
        int words = depth / TE.Pair;
        TransposeWords((byte*)x, pitch * sizeof(TE), rows, words, to, width);
        if (depth % TE.Pair == 1)
        {
            for (int r = 0; r < rows; r++) to[(long)words * width + r] = *(ushort*)((TE*)x + r * pitch + depth - 1);
            words++;
        }
        if (rows < columns)
            for (int w = 0; w < words; w++) new Span<uint>(to + (long)w * width + rows, columns - rows).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Transpose(void* x, long pitch, int rows, int columns, void* y, long pitchY, void* scratch)
    {
        if (TE.Pair == 1) { TransposeWords((byte*)x, pitch * sizeof(TE), rows, columns, (uint*)y, pitchY); return; }
        PackRows(x, pitch, rows, columns, scratch, rows, columns); // pairs of rows become words, and the words are turned
        TransposeWords((byte*)scratch, columns * 4L, rows / 2, columns, (uint*)y, pitchY / 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void TransposeSingles(float* x, long pitch, int rows, int columns, float* y, long pitchY)
        => TransposeWords((byte*)x, pitch * sizeof(float), rows, columns, (uint*)y, pitchY);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeWords(byte* x, long pitchBytes, int rows, int words, uint* y, long pitch)
    {
        int r = 0;
        if (Avx512F.IsSupported && TL.Count == 16)
            for (; r + 16 <= rows; r += 16)
            {
                byte* from = x + r * pitchBytes;
                int w = 0;
                for (; w + 16 <= words; w += 16) Transpose16((uint*)from + w, pitchBytes, y + w * pitch + r, pitch);
                for (int half = 0; half < 16; half += 8) TransposeRows8(from + half * pitchBytes, pitchBytes, w, words, y + r + half, pitch);
            }
        if (Avx2.IsSupported && TL.Count > 1)
            for (; r + 8 <= rows; r += 8) TransposeRows8(x + r * pitchBytes, pitchBytes, 0, words, y + r, pitch);
        for (; r < rows; r++)
            for (int w = 0; w < words; w++) y[w * pitch + r] = Unsafe.ReadUnaligned<uint>(x + r * pitchBytes + w * 4);
    }

    // Eight rows from word w on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeRows8(byte* x, long pitchBytes, int w, int words, uint* y, long pitch)
    {
        for (; w + 8 <= words; w += 8) Transpose8((uint*)x + w, pitchBytes, y + w * pitch, pitch);
        for (; w < words; w++)
            for (int i = 0; i < 8; i++) y[w * pitch + i] = Unsafe.ReadUnaligned<uint>(x + i * pitchBytes + w * 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose16(uint* x, long pitchBytes, uint* y, long pitch)
    {
        var (a0, a1, a2, a3) = Quarter(x, pitchBytes, 0);
        var (b0, b1, b2, b3) = Quarter(x, pitchBytes, 4);
        var (c0, c1, c2, c3) = Quarter(x, pitchBytes, 8);
        var (d0, d1, d2, d3) = Quarter(x, pitchBytes, 12);
        Columns(a0, b0, c0, d0, y, pitch);
        Columns(a1, b1, c1, d1, y + pitch, pitch);
        Columns(a2, b2, c2, d2, y + 2 * pitch, pitch);
        Columns(a3, b3, c3, d3, y + 3 * pitch, pitch);
    }

    // Four rows, 16 words each: the j-th result holds words j, 4 + j, 8 + j and 12 + j of all of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Quarter(uint* x, long pitchBytes, int row)
    {
        byte* at = (byte*)x + row * pitchBytes;
        Vector512<float> r0 = Vector512.Load((float*)at), r1 = Vector512.Load((float*)(at + pitchBytes)), r2 = Vector512.Load((float*)(at + 2 * pitchBytes)), r3 = Vector512.Load((float*)(at + 3 * pitchBytes));
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble(), low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        return (Avx512F.UnpackLow(low01, low23).AsSingle(), Avx512F.UnpackHigh(low01, low23).AsSingle(), Avx512F.UnpackLow(high01, high23).AsSingle(), Avx512F.UnpackHigh(high01, high23).AsSingle());
    }

    // Columns 0, 4, 8 and 12 from there on: each is one lane of each quarter.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, uint* y, long pitch)
    {
        const byte Even = 0x88, Odd = 0xdd;
        Vector512<float> even0 = Avx512F.Shuffle4x128(a, b, Even), even1 = Avx512F.Shuffle4x128(c, d, Even), odd0 = Avx512F.Shuffle4x128(a, b, Odd), odd1 = Avx512F.Shuffle4x128(c, d, Odd);
        Avx512F.Shuffle4x128(even0, even1, Even).AsUInt32().Store(y);
        Avx512F.Shuffle4x128(odd0, odd1, Even).AsUInt32().Store(y + 4 * pitch);
        Avx512F.Shuffle4x128(even0, even1, Odd).AsUInt32().Store(y + 8 * pitch);
        Avx512F.Shuffle4x128(odd0, odd1, Odd).AsUInt32().Store(y + 12 * pitch);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose8(uint* x, long pitchBytes, uint* y, long pitch)
    {
        byte* at = (byte*)x;
        var r0 = Vector256.Load((float*)at);
        var r1 = Vector256.Load((float*)(at + pitchBytes));
        var r2 = Vector256.Load((float*)(at + 2 * pitchBytes));
        var r3 = Vector256.Load((float*)(at + 3 * pitchBytes));
        var r4 = Vector256.Load((float*)(at + 4 * pitchBytes));
        var r5 = Vector256.Load((float*)(at + 5 * pitchBytes));
        var r6 = Vector256.Load((float*)(at + 6 * pitchBytes));
        var r7 = Vector256.Load((float*)(at + 7 * pitchBytes));
        Vector256<float> a0 = Avx.UnpackLow(r0, r1), a1 = Avx.UnpackHigh(r0, r1), a2 = Avx.UnpackLow(r2, r3), a3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> a4 = Avx.UnpackLow(r4, r5), a5 = Avx.UnpackHigh(r4, r5), a6 = Avx.UnpackLow(r6, r7), a7 = Avx.UnpackHigh(r6, r7);
        Vector256<float> b0 = Avx.Shuffle(a0, a2, 0x44), b1 = Avx.Shuffle(a0, a2, 0xEE), b2 = Avx.Shuffle(a1, a3, 0x44), b3 = Avx.Shuffle(a1, a3, 0xEE);
        Vector256<float> b4 = Avx.Shuffle(a4, a6, 0x44), b5 = Avx.Shuffle(a4, a6, 0xEE), b6 = Avx.Shuffle(a5, a7, 0x44), b7 = Avx.Shuffle(a5, a7, 0xEE);
        Avx.Permute2x128(b0, b4, 0x20).AsUInt32().Store(y);
        Avx.Permute2x128(b1, b5, 0x20).AsUInt32().Store(y + pitch);
        Avx.Permute2x128(b2, b6, 0x20).AsUInt32().Store(y + 2 * pitch);
        Avx.Permute2x128(b3, b7, 0x20).AsUInt32().Store(y + 3 * pitch);
        Avx.Permute2x128(b0, b4, 0x31).AsUInt32().Store(y + 4 * pitch);
        Avx.Permute2x128(b1, b5, 0x31).AsUInt32().Store(y + 5 * pitch);
        Avx.Permute2x128(b2, b6, 0x31).AsUInt32().Store(y + 6 * pitch);
        Avx.Permute2x128(b3, b7, 0x31).AsUInt32().Store(y + 7 * pitch);
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

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>Transpositions: of words, be they float32 numbers or pairs of bfloat16 ones.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
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
}

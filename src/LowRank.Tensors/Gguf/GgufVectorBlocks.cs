using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>
/// The types that are expanded most, with AVX2: bytes are widened to eight integers, converted, and scaled by the operations of the plain decoders in their order, so that
/// the bits are the same (no product is fused with a sum).
/// </summary>
internal static unsafe class GgufVectorBlocks
{
    private static readonly Vector128<byte> Low = Vector128.Create((byte)15);

    public static void Q4_0(byte* x, float* y, long blocks)
    {
        var eight = Vector256.Create(8f);
        for (; blocks-- > 0; x += 18, y += 32)
        {
            var d = Vector256.Create(GgufBlocks.Half(x));
            var q = Vector128.Load(x + 2);
            var (a, b) = Floats(q & Low);
            var (c, e) = Floats(High(q));
            ((a - eight) * d).Store(y);
            ((b - eight) * d).Store(y + 8);
            ((c - eight) * d).Store(y + 16);
            ((e - eight) * d).Store(y + 24);
        }
    }

    public static void Q4_1(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 20, y += 32)
        {
            Vector256<float> d = Vector256.Create(GgufBlocks.Half(x)), m = Vector256.Create(GgufBlocks.Half(x + 2));
            var q = Vector128.Load(x + 4);
            var (a, b) = Floats(q & Low);
            var (c, e) = Floats(High(q));
            (a * d + m).Store(y);
            (b * d + m).Store(y + 8);
            (c * d + m).Store(y + 16);
            (e * d + m).Store(y + 24);
        }
    }

    public static void Q8_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 34, y += 32)
        {
            var d = Vector256.Create(GgufBlocks.Half(x));
            for (int i = 0; i < 32; i += 8) (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)x + 2 + i)) * d).Store(y + i);
        }
    }

    public static void Q4_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 144)
        {
            float d = GgufBlocks.Half(x), m = GgufBlocks.Half(x + 2);
            byte* q = x + 16;
            for (int sub = 0; sub < 8; sub += 2, q += 32, y += 64)
            {
                var (d1, m1) = GgufKBlocks.ScaleAndMinimum(x + 4, sub, d, m);
                var (d2, m2) = GgufKBlocks.ScaleAndMinimum(x + 4, sub + 1, d, m);
                Vector128<byte> first = Vector128.Load(q), second = Vector128.Load(q + 16);
                Affine(first & Low, d1, m1, y);
                Affine(second & Low, d1, m1, y + 16);
                Affine(High(first), d2, m2, y + 32);
                Affine(High(second), d2, m2, y + 48);
            }
        }
    }

    public static void Q5_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 176)
        {
            float d = GgufBlocks.Half(x), m = GgufBlocks.Half(x + 2);
            byte* q = x + 48;
            Vector128<byte> highFirst = Vector128.Load(x + 16), highSecond = Vector128.Load(x + 32);
            for (int sub = 0; sub < 8; sub += 2, q += 32, y += 64)
            {
                var (d1, m1) = GgufKBlocks.ScaleAndMinimum(x + 4, sub, d, m);
                var (d2, m2) = GgufKBlocks.ScaleAndMinimum(x + 4, sub + 1, d, m);
                Vector128<byte> first = Vector128.Load(q), second = Vector128.Load(q + 16);
                Affine(first & Low | FifthBit(highFirst, sub), d1, m1, y);
                Affine(second & Low | FifthBit(highSecond, sub), d1, m1, y + 16);
                Affine(High(first) | FifthBit(highFirst, sub + 1), d2, m2, y + 32);
                Affine(High(second) | FifthBit(highSecond, sub + 1), d2, m2, y + 48);
            }
        }
    }

    public static void Q6_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 210)
        {
            float d = GgufBlocks.Half(x + 208);
            byte* low = x, high = x + 128;
            sbyte* scales = (sbyte*)(x + 192);
            for (int half = 0; half < 2; half++, low += 64, high += 32, scales += 8, y += 128)
                for (int at = 0; at < 2; at++)
                {
                    Vector128<byte> l = Vector128.Load(low + 16 * at), l2 = Vector128.Load(low + 32 + 16 * at), h = Vector128.Load(high + 16 * at);
                    Centred(l & Low | SixthBits(h, 0), d * scales[at], y + 16 * at);
                    Centred(l2 & Low | SixthBits(h, 2), d * scales[at + 2], y + 32 + 16 * at);
                    Centred(High(l) | SixthBits(h, 4), d * scales[at + 4], y + 64 + 16 * at);
                    Centred(High(l2) | SixthBits(h, 6), d * scales[at + 6], y + 96 + 16 * at);
                }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Affine(Vector128<byte> q, float scale, float minimum, float* y)
    {
        Vector256<float> d = Vector256.Create(scale), m = Vector256.Create(minimum);
        var (a, b) = Floats(q);
        (d * a - m).Store(y);
        (d * b - m).Store(y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Centred(Vector128<byte> q, float scale, float* y)
    {
        Vector256<float> d = Vector256.Create(scale), centre = Vector256.Create(32f);
        var (a, b) = Floats(q);
        (d * (a - centre)).Store(y);
        (d * (b - centre)).Store(y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> High(Vector128<byte> q) => (q.AsUInt16() >>> 4).AsByte() & Low;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FifthBit(Vector128<byte> high, int bit) => (((high.AsUInt16() >>> bit).AsByte() & Vector128<byte>.One).AsUInt16() << 4).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> SixthBits(Vector128<byte> high, int bit) => (((high.AsUInt16() >>> bit).AsByte() & Vector128.Create((byte)3)).AsUInt16() << 4).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> First, Vector256<float> Second) Floats(Vector128<byte> q)
        => (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(q)), Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(q, 8))));
}

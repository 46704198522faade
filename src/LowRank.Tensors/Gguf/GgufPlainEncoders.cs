using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>
/// The types whose scale follows from a block's extremes alone. Each follows ggml's reference in its roundings, so that the bytes are the same: the scale is used in
/// single precision and only stored in half, numbers are multiplied by its reciprocal, and a half is rounded up (Q8_0: away from zero).
/// </summary>
internal static unsafe class GgufPlainEncoders
{
    public static void F16(float* x, byte* block) => Unsafe.WriteUnaligned(block, (Half)x[0]);

    /// <summary>To the nearest, to even in the middle; a NaN stays one.</summary>
    public static void BF16(float* x, byte* block)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x[0]);
        Unsafe.WriteUnaligned(block, float.IsNaN(x[0]) ? (ushort)(bits >> 16 | 64) : (ushort)(bits + 0x7fff + (bits >> 16 & 1) >> 16));
    }

    public static void Q4_0(float* x, byte* block)
    {
        float d = Furthest(x) / -8, inverse = Inverse(d);
        StoreHalf(block, d);
        for (int i = 0; i < 16; i++) block[2 + i] = (byte)(Code(x[i]) | Code(x[i + 16]) << 4);
        int Code(float value) => Math.Min(15, Fused(value, inverse, 8.5));
    }

    public static void Q4_1(float* x, byte* block)
    {
        var (least, d) = Range(x, 15);
        float inverse = Inverse(d);
        StoreHalf(block, d);
        StoreHalf(block + 2, least);
        for (int i = 0; i < 16; i++) block[4 + i] = (byte)(Code(x[i]) | Code(x[i + 16]) << 4);
        int Code(float value) => Math.Min(15, (int)((value - least) * inverse + 0.5f));
    }

    public static void Q5_0(float* x, byte* block)
    {
        float d = Furthest(x) / -16, inverse = Inverse(d);
        StoreHalf(block, d);
        byte* codes = stackalloc byte[32];
        for (int i = 0; i < 32; i++) codes[i] = (byte)Math.Min(31, Fused(x[i], inverse, 16.5));
        Five(block + 2, codes);
    }

    public static void Q5_1(float* x, byte* block)
    {
        var (least, d) = Range(x, 31);
        float inverse = Inverse(d);
        StoreHalf(block, d);
        StoreHalf(block + 2, least);
        byte* codes = stackalloc byte[32];
        for (int i = 0; i < 32; i++) codes[i] = (byte)Math.Min(31, (int)((x[i] - least) * inverse + 0.5f));
        Five(block + 4, codes);
    }

    public static void Q8_0(float* x, byte* block)
    {
        float d = MathF.Abs(Furthest(x)) / 127, inverse = Inverse(d);
        StoreHalf(block, d);
        for (int i = 0; i < 32; i++) block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
    }

    /// <summary>A power of two that brings the largest number to at most 8 of e2m1's range, and the nearest code (the first of two equally near).</summary>
    public static void MXFP4(float* x, byte* block)
    {
        float largest = MathF.Abs(Furthest(x));
        block[0] = largest > 0 ? (byte)(MathF.Floor(MathF.Log2(largest)) - 2 + 127) : (byte)0;
        float d = GgufCodeBookBlocks.HalfOfE8M0(block[0]);
        float* values = stackalloc float[16];
        for (int i = 0; i < 16; i++) values[i] = GgufCodeBookBlocks.E2M1[i] * d;
        for (int i = 0; i < 16; i++) block[1 + i] = (byte)(Nearest(x[i], values) | Nearest(x[i + 16], values) << 4);
    }

    public static void StoreHalf(byte* at, float value) => Unsafe.WriteUnaligned(at, (Half)value);

    public static float Inverse(float d) => d == 0 ? 0 : 1 / d;

    /// <summary>The number furthest from 0, with its sign; the first of several.</summary>
    private static float Furthest(float* x)
    {
        float furthest = x[0];
        for (int i = 1; i < 32; i++) if (MathF.Abs(x[i]) > MathF.Abs(furthest)) furthest = x[i];
        return furthest;
    }

    private static (float Least, float Step) Range(float* x, int steps)
    {
        float least = x[0], most = x[0];
        for (int i = 1; i < 32; i++) (least, most) = (MathF.Min(least, x[i]), MathF.Max(most, x[i]));
        return (least, (most - least) / steps);
    }

    /// <summary>value * inverse + offset rounded once, as the fused instruction does that ggml's reference is compiled to, then cut.</summary>
    private static int Fused(float value, float inverse, double offset) => (int)(float)((double)value * inverse + offset);

    /// <summary>Five bits a number: 32 fifth bits, then 16 bytes of nibbles.</summary>
    private static void Five(byte* at, byte* codes)
    {
        uint high = 0;
        for (int i = 0; i < 16; i++)
        {
            at[4 + i] = (byte)(codes[i] & 15 | (codes[i + 16] & 15) << 4);
            high |= (uint)(codes[i] >> 4) << i | (uint)(codes[i + 16] >> 4) << i + 16;
        }
        Unsafe.WriteUnaligned(at, high);
    }

    private static int Nearest(float value, float* values)
    {
        int best = 0;
        float least = float.PositiveInfinity;
        for (int i = 0; i < 16; i++)
        {
            float error = MathF.Abs(values[i] - value);
            if (error < least) (best, least) = (i, error);
        }
        return best;
    }
}

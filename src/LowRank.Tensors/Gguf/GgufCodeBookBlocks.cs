using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The types whose four bits are an index into 16 values: a curve (IQ4), or the 4-bit float e2m1 (MXFP4, NVFP4).</summary>
internal static unsafe class GgufCodeBookBlocks
{
    /// <summary>IQ4's values: dense where weights are, near 0.</summary>
    private static ReadOnlySpan<sbyte> Curve => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Twice the values of e2m1 (the scales are halved instead).</summary>
    public static ReadOnlySpan<sbyte> E2M1 => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public static void IQ4_NL(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 18, y += 32) Nibbles(Curve, x + 2, 16, GgufBlocks.Half(x), y);
    }

    public static void IQ4_XS(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 136)
        {
            float d = GgufBlocks.Half(x);
            int high = Unsafe.ReadUnaligned<ushort>(x + 2);
            for (int sub = 0; sub < 8; sub++, y += 32)
            {
                int scale = x[4 + sub / 2] >> sub % 2 * 4 & 15 | (high >> 2 * sub & 3) << 4;
                Nibbles(Curve, x + 8 + 16 * sub, 16, d * (scale - 32), y);
            }
        }
    }

    public static void MXFP4(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 17, y += 32) Nibbles(E2M1, x + 1, 16, HalfOfE8M0(x[0]), y);
    }

    public static void NVFP4(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 36)
            for (int sub = 0; sub < 4; sub++, y += 16) Nibbles(E2M1, x + 4 + 8 * sub, 8, HalfOfUE4M3(x[sub]), y);
    }

    /// <summary>Half of the power of two 2^(e - 127); the two smallest are subnormal.</summary>
    public static float HalfOfE8M0(byte e) => BitConverter.UInt32BitsToSingle(e < 2 ? 0x00200000u << e : (uint)(e - 1) << 23);

    /// <summary>Half of an unsigned 8-bit float with 4 bits of exponent; its NaN counts as 0.</summary>
    private static float HalfOfUE4M3(byte x)
    {
        if (x is 0 or 0x7f) return 0;
        int exponent = x >> 3 & 15, mantissa = x & 7;
        return 0.5f * (exponent == 0 ? MathF.ScaleB(mantissa, -9) : MathF.ScaleB(1 + mantissa / 8f, exponent - 7));
    }

    /// <summary>The low nibbles are the first numbers, the high nibbles the rest.</summary>
    private static void Nibbles(ReadOnlySpan<sbyte> values, byte* q, int bytes, float d, float* y)
    {
        for (int i = 0; i < bytes; i++)
        {
            y[i] = values[q[i] & 15] * d;
            y[i + bytes] = values[q[i] >> 4] * d;
        }
    }
}

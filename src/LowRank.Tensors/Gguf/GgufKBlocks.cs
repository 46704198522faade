namespace LowRank.Tensors;

/// <summary>The K types: super-blocks of 256 numbers whose sub-blocks (32 numbers; 16 in Q2_K, Q3_K and Q6_K) have small integer scales and minima of their own.</summary>
internal static unsafe class GgufKBlocks
{
    public static void Q2_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 84)
        {
            float d = GgufBlocks.Half(x + 80), m = GgufBlocks.Half(x + 82);
            byte* scale = x, q = x + 16;
            for (int half = 0; half < 2; half++, q += 32)
                for (int shift = 0; shift < 8; shift += 2)
                    for (int part = 0; part < 2; part++, scale++, y += 16)
                    {
                        float d1 = d * (*scale & 15), m1 = m * (*scale >> 4);
                        for (int i = 0; i < 16; i++) y[i] = d1 * (q[16 * part + i] >> shift & 3) - m1;
                    }
        }
    }

    public static void Q3_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 110)
        {
            float d = GgufBlocks.Half(x + 108);
            for (int sub = 0; sub < 16; sub++, y += 16)
            {
                byte* high = x + sub % 2 * 16, q = x + 32 + sub / 8 * 32 + sub % 2 * 16;
                int shift = sub % 8 / 2 * 2, bit = sub / 2;
                float d1 = d * Scale3(x + 96, sub);
                for (int i = 0; i < 16; i++) y[i] = d1 * ((q[i] >> shift & 3 | (high[i] >> bit & 1) << 2) - 4);
            }
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
                var (d1, m1) = ScaleAndMinimum(x + 4, sub, d, m);
                var (d2, m2) = ScaleAndMinimum(x + 4, sub + 1, d, m);
                for (int i = 0; i < 32; i++)
                {
                    y[i] = d1 * (q[i] & 15) - m1;
                    y[i + 32] = d2 * (q[i] >> 4) - m2;
                }
            }
        }
    }

    public static void Q5_K(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 176)
        {
            float d = GgufBlocks.Half(x), m = GgufBlocks.Half(x + 2);
            byte* high = x + 16, q = x + 48;
            for (int sub = 0; sub < 8; sub += 2, q += 32, y += 64)
            {
                var (d1, m1) = ScaleAndMinimum(x + 4, sub, d, m);
                var (d2, m2) = ScaleAndMinimum(x + 4, sub + 1, d, m);
                for (int i = 0; i < 32; i++)
                {
                    y[i] = d1 * (q[i] & 15 | (high[i] >> sub & 1) << 4) - m1;
                    y[i + 32] = d2 * (q[i] >> 4 | (high[i] >> sub + 1 & 1) << 4) - m2;
                }
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
                for (int i = 0; i < 32; i++)
                {
                    int at = i / 16;
                    y[i] = d * scales[at] * ((low[i] & 15 | (high[i] & 3) << 4) - 32);
                    y[i + 32] = d * scales[at + 2] * ((low[i + 32] & 15 | (high[i] >> 2 & 3) << 4) - 32);
                    y[i + 64] = d * scales[at + 4] * ((low[i] >> 4 | (high[i] >> 4 & 3) << 4) - 32);
                    y[i + 96] = d * scales[at + 6] * ((low[i + 32] >> 4 | (high[i] >> 6) << 4) - 32);
                }
        }
    }

    /// <summary>
    /// Scale and minimum of sub-block <paramref name="sub"/>, 6 bits each, out of 12 bytes: those of the first four lie in the low six bits of
    /// bytes 0-3 (scales) and 4-7 (minima); of the last four, bytes 8-11 hold the low nibbles and the top bits of bytes 0-7 the rest.
    /// </summary>
    public static (float Scale, float Minimum) ScaleAndMinimum(byte* packed, int sub, float d, float m)
    {
        int scale, minimum;
        if (sub < 4) (scale, minimum) = (packed[sub] & 63, packed[sub + 4] & 63);
        else
        {
            scale = packed[sub + 4] & 15 | packed[sub - 4] >> 6 << 4;
            minimum = packed[sub + 4] >> 4 | packed[sub] >> 6 << 4;
        }
        return (d * scale, m * minimum);
    }

    /// <summary>Q3_K's scale of a sub-block, -32 to 31: four low bits in the nibbles of bytes 0-7 (low nibbles first), two high bits in bytes 8-11.</summary>
    private static int Scale3(byte* packed, int sub) => (packed[sub % 8] >> sub / 8 * 4 & 15 | (packed[8 + sub % 4] >> sub / 4 * 2 & 3) << 4) - 32;
}

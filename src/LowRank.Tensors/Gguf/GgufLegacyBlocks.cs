using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The oldest types: blocks of one scale (`_0`), or of a scale and a minimum (`_1`).</summary>
internal static unsafe class GgufLegacyBlocks
{
    public static void Q4_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 18, y += 32)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[2 + i];
                y[i] = ((q & 15) - 8) * d;
                y[i + 16] = ((q >> 4) - 8) * d;
            }
        }
    }

    public static void Q4_1(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 20, y += 32)
        {
            float d = GgufBlocks.Half(x), m = GgufBlocks.Half(x + 2);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[4 + i];
                y[i] = (q & 15) * d + m;
                y[i + 16] = (q >> 4) * d + m;
            }
        }
    }

    public static void Q5_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 22, y += 32)
        {
            float d = GgufBlocks.Half(x);
            uint high = Unsafe.ReadUnaligned<uint>(x + 2);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[6 + i];
                y[i] = ((q & 15 | (int)(high >> i & 1) << 4) - 16) * d;
                y[i + 16] = ((q >> 4 | (int)(high >> i + 16 & 1) << 4) - 16) * d;
            }
        }
    }

    public static void Q5_1(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 24, y += 32)
        {
            float d = GgufBlocks.Half(x), m = GgufBlocks.Half(x + 2);
            uint high = Unsafe.ReadUnaligned<uint>(x + 4);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[8 + i];
                y[i] = (q & 15 | (int)(high >> i & 1) << 4) * d + m;
                y[i + 16] = (q >> 4 | (int)(high >> i + 16 & 1) << 4) * d + m;
            }
        }
    }

    public static void Q8_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 34, y += 32)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 32; i++) y[i] = (sbyte)x[2 + i] * d;
        }
    }

    /// <summary>One bit a number: the scale or its negative.</summary>
    public static void Q1_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 18, y += 128)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 128; i++) y[i] = (x[2 + i / 8] >> i % 8 & 1) != 0 ? d : -d;
        }
    }

    /// <summary>Two bits a number: -1, 0, 1 or 2 times the scale.</summary>
    public static void Q2_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 18, y += 64)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 64; i++) y[i] = ((x[2 + i / 4] >> i % 4 * 2 & 3) - 1) * d;
        }
    }
}

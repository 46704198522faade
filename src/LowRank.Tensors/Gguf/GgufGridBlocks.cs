using System.Numerics;
using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The IQ types of one to three bits: super-blocks of 256 numbers, of which eight (four in IQ3) at a time are a point of a fixed grid (<see cref="GgufGrids"/>) with signs.</summary>
internal static unsafe class GgufGridBlocks
{
    /// <summary>What IQ1 adds to all numbers of a group, or takes away: its three values are not quite symmetric.</summary>
    private const float Delta = 0.125f;

    public static void IQ2_XXS(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ2_XXS;
        for (; blocks-- > 0; x += 66)
        {
            float d = GgufBlocks.Half(x);
            for (byte* q = x + 2; q < x + 66; q += 8)
            {
                uint signs = Unsafe.ReadUnaligned<uint>(q + 4);
                float scale = d * (0.5f + (signs >> 28)) * 0.25f;
                for (int i = 0; i < 4; i++, y += 8) Signed(grid, q[i], 8, scale, Even(signs >> 7 * i), y);
            }
        }
    }

    public static void IQ2_XS(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ2_XS;
        for (; blocks-- > 0; x += 74)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 32; i++, y += 8)
            {
                uint q = Unsafe.ReadUnaligned<ushort>(x + 2 + 2 * i);
                Signed(grid, (int)q & 511, 8, Quarter(d, x + 66, i / 2), Even(q >> 9), y);
            }
        }
    }

    public static void IQ2_S(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ2_S;
        for (; blocks-- > 0; x += 82)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 32; i++, y += 8)
                Signed(grid, x[2 + i] | (x[66 + i / 4] >> i % 4 * 2 & 3) << 8, 8, Quarter(d, x + 74, i / 2), x[34 + i], y);
        }
    }

    public static void IQ3_XXS(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ3_XXS;
        for (; blocks-- > 0; x += 98)
        {
            float d = GgufBlocks.Half(x);
            byte* q = x + 2;
            for (int sub = 0; sub < 8; sub++, q += 8)
            {
                uint signs = Unsafe.ReadUnaligned<uint>(x + 66 + 4 * sub);
                float scale = d * (0.5f + (signs >> 28)) * 0.5f;
                for (int i = 0; i < 4; i++, y += 8)
                {
                    uint eight = Even(signs >> 7 * i);
                    Signed(grid, q[2 * i], 4, scale, eight, y);
                    Signed(grid, q[2 * i + 1], 4, scale, eight >> 4, y + 4);
                }
            }
        }
    }

    public static void IQ3_S(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ3_S;
        for (; blocks-- > 0; x += 110)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 64; i++, y += 4)
            {
                float scale = d * (1 + 2 * (x[106 + i / 16] >> i / 8 % 2 * 4 & 15));
                Signed(grid, x[2 + i] | (x[66 + i / 8] >> i % 8 & 1) << 8, 4, scale, (uint)x[74 + i / 2] >> i % 2 * 4, y);
            }
        }
    }

    public static void IQ1_S(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ1;
        for (; blocks-- > 0; x += 50)
        {
            float d = GgufBlocks.Half(x);
            for (int i = 0; i < 32; i++, y += 8)
            {
                int high = Unsafe.ReadUnaligned<ushort>(x + 34 + i / 4 * 2);
                Shifted(grid, x[2 + i] | (high >> i % 4 * 3 & 7) << 8, d * (2 * (high >> 12 & 7) + 1), (high & 0x8000) != 0, y);
            }
        }
    }

    /// <summary>Its half-precision scale is spread over the top four bits of the four words of scales.</summary>
    public static void IQ1_M(byte* x, float* y, long blocks)
    {
        var grid = GgufGrids.All.IQ1;
        for (; blocks-- > 0; x += 56)
        {
            ushort* scales = (ushort*)(x + 48);
            int bits = 0;
            for (int i = 0; i < 4; i++) bits |= Unsafe.ReadUnaligned<ushort>(scales + i) >> 12 << 4 * i;
            float d = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            for (int i = 0; i < 32; i++, y += 8)
            {
                int scale = Unsafe.ReadUnaligned<ushort>(scales + i / 8) >> i % 8 / 2 * 3 & 7, high = x[32 + i / 2] >> i % 2 * 4;
                Shifted(grid, x[i] | (high & 7) << 8, d * (2 * scale + 1), (high & 8) != 0, y);
            }
        }
    }

    private static float Quarter(float d, byte* nibbles, int sub) => d * (0.5f + (nibbles[sub / 2] >> sub % 2 * 4 & 15)) * 0.25f;

    /// <summary>Seven stored signs and an eighth that makes their number even.</summary>
    private static uint Even(uint signs) => signs & 127 | ((uint)BitOperations.PopCount(signs & 127) & 1) << 7;

    private static void Signed(sbyte[] grid, int point, int numbers, float scale, uint signs, float* y)
    {
        for (int i = 0; i < numbers; i++)
        {
            float value = scale * grid[point * numbers + i];
            y[i] = (signs >> i & 1) != 0 ? -value : value;
        }
    }

    private static void Shifted(sbyte[] grid, int point, float scale, bool down, float* y)
    {
        float delta = down ? -Delta : Delta;
        for (int i = 0; i < 8; i++) y[i] = scale * (grid[point * 8 + i] + delta);
    }
}

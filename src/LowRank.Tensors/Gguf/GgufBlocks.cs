using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>
/// Turns ggml's blocks into float32, in ggml's order of operations, so that the bits are the same. A block holds a half-precision scale d
/// (and a minimum m where the type has one) and small integers q: 4 low bits in `qs`, fifth and sixth bits in `qh`.
/// Layouts: github.com/ggml-org/ggml, src/ggml-common.h; the K types are in <see cref="GgufKBlocks"/>.
/// </summary>
internal static unsafe class GgufBlocks
{
    /// <summary>Blocks a thread takes at a time: enough that handing them out costs nothing.</summary>
    private const int Portion = 1 << 13;

    private delegate void Decoder(byte* source, float* target, long blocks);

    /// <summary>Decodes <paramref name="blocks"/> consecutive blocks, on all cores.</summary>
    public static void Dequantize(GgufType type, byte* source, float* target, long blocks)
    {
        Decoder decode = type.Name switch
        {
            "Q4_0" => Q4_0, "Q4_1" => Q4_1, "Q5_0" => Q5_0, "Q5_1" => Q5_1, "Q8_0" => Q8_0,
            "Q4_K" => GgufKBlocks.Q4_K, "Q5_K" => GgufKBlocks.Q5_K, "Q6_K" => GgufKBlocks.Q6_K,
            _ => throw new ArgumentException($"no decoder for {type.Name}"),
        };
        int portions = checked((int)((blocks + Portion - 1) / Portion));
        if (portions == 1) decode(source, target, blocks);
        else Parallel.For(0, portions, p =>
        {
            long first = (long)p * Portion;
            decode(source + first * type.BlockBytes, target + first * type.BlockElements, Math.Min(Portion, blocks - first));
        });
    }

    /// <summary>The half-precision number at an address, widened.</summary>
    public static float Half(byte* at) => (float)Unsafe.ReadUnaligned<Half>(at);

    private static void Q4_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 18, y += 32)
        {
            float d = Half(x);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[2 + i];
                y[i] = ((q & 15) - 8) * d;
                y[i + 16] = ((q >> 4) - 8) * d;
            }
        }
    }

    private static void Q4_1(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 20, y += 32)
        {
            float d = Half(x), m = Half(x + 2);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[4 + i];
                y[i] = (q & 15) * d + m;
                y[i + 16] = (q >> 4) * d + m;
            }
        }
    }

    private static void Q5_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 22, y += 32)
        {
            float d = Half(x);
            uint high = Unsafe.ReadUnaligned<uint>(x + 2);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[6 + i];
                y[i] = ((q & 15 | (int)(high >> i & 1) << 4) - 16) * d;
                y[i + 16] = ((q >> 4 | (int)(high >> i + 16 & 1) << 4) - 16) * d;
            }
        }
    }

    private static void Q5_1(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 24, y += 32)
        {
            float d = Half(x), m = Half(x + 2);
            uint high = Unsafe.ReadUnaligned<uint>(x + 4);
            for (int i = 0; i < 16; i++)
            {
                byte q = x[8 + i];
                y[i] = (q & 15 | (int)(high >> i & 1) << 4) * d + m;
                y[i + 16] = (q >> 4 | (int)(high >> i + 16 & 1) << 4) * d + m;
            }
        }
    }

    private static void Q8_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 34, y += 32)
        {
            float d = Half(x);
            for (int i = 0; i < 32; i++) y[i] = (sbyte)x[2 + i] * d;
        }
    }
}

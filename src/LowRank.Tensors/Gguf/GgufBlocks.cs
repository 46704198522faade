using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>
/// The table of what turns ggml's blocks into float32, in ggml's order of operations, so that the bits are the same. A block holds a half-precision scale d
/// (and a minimum m where the type has one) and small integers q: 4 low bits in `qs`, fifth and sixth bits in `qh`.
/// Layouts: github.com/ggml-org/ggml, src/ggml-common.h.
/// </summary>
internal static unsafe class GgufBlocks
{
    /// <summary>Blocks a thread takes at a time: enough that handing them out costs nothing.</summary>
    private const int Portion = 1 << 13;

    /// <summary>Decodes consecutive blocks.</summary>
    public delegate void Decoder(byte* source, float* target, long blocks);

    private static readonly Dictionary<string, Decoder> Plain = new(StringComparer.Ordinal)
    {
        ["F32"] = F32, ["F16"] = F16, ["BF16"] = BF16,
        ["Q4_0"] = GgufLegacyBlocks.Q4_0, ["Q4_1"] = GgufLegacyBlocks.Q4_1, ["Q5_0"] = GgufLegacyBlocks.Q5_0, ["Q5_1"] = GgufLegacyBlocks.Q5_1,
        ["Q8_0"] = GgufLegacyBlocks.Q8_0, ["Q1_0"] = GgufLegacyBlocks.Q1_0, ["Q2_0"] = GgufLegacyBlocks.Q2_0,
        ["Q2_K"] = GgufKBlocks.Q2_K, ["Q3_K"] = GgufKBlocks.Q3_K, ["Q4_K"] = GgufKBlocks.Q4_K, ["Q5_K"] = GgufKBlocks.Q5_K, ["Q6_K"] = GgufKBlocks.Q6_K,
        ["IQ1_S"] = GgufGridBlocks.IQ1_S, ["IQ1_M"] = GgufGridBlocks.IQ1_M, ["IQ2_XXS"] = GgufGridBlocks.IQ2_XXS, ["IQ2_XS"] = GgufGridBlocks.IQ2_XS,
        ["IQ2_S"] = GgufGridBlocks.IQ2_S, ["IQ3_XXS"] = GgufGridBlocks.IQ3_XXS, ["IQ3_S"] = GgufGridBlocks.IQ3_S,
        ["IQ4_NL"] = GgufCodeBookBlocks.IQ4_NL, ["IQ4_XS"] = GgufCodeBookBlocks.IQ4_XS, ["MXFP4"] = GgufCodeBookBlocks.MXFP4, ["NVFP4"] = GgufCodeBookBlocks.NVFP4,
        ["TQ1_0"] = GgufTernaryBlocks.TQ1_0, ["TQ2_0"] = GgufTernaryBlocks.TQ2_0,
    };

    /// <summary>The same results eight numbers at a time, for the types that a training step expands over and over.</summary>
    private static readonly Dictionary<string, Decoder> Vectorised = !Avx2.IsSupported ? [] : new(StringComparer.Ordinal)
    {
        ["Q4_0"] = GgufVectorBlocks.Q4_0, ["Q4_1"] = GgufVectorBlocks.Q4_1, ["Q8_0"] = GgufVectorBlocks.Q8_0,
        ["Q4_K"] = GgufVectorBlocks.Q4_K, ["Q5_K"] = GgufVectorBlocks.Q5_K, ["Q6_K"] = GgufVectorBlocks.Q6_K,
    };

    /// <summary>The fastest decoder of a type on this machine.</summary>
    public static Decoder Of(GgufType type) => Vectorised.GetValueOrDefault(type.Name) ?? PlainOf(type);

    /// <summary>The decoder that goes number by number: what the vectorised one is tested against.</summary>
    public static Decoder PlainOf(GgufType type) => Plain.GetValueOrDefault(type.Name) ?? throw new ArgumentException($"no decoder for {type.Name}");

    /// <summary>Decodes <paramref name="blocks"/> consecutive blocks, on all cores.</summary>
    public static void Dequantize(GgufType type, byte* source, float* target, long blocks)
    {
        var decode = Of(type);
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

    private static void F32(byte* x, float* y, long count) => Buffer.MemoryCopy(x, y, count * sizeof(float), count * sizeof(float));

    private static void F16(byte* x, float* y, long count)
    {
        for (long i = 0; i < count; i++) y[i] = Half(x + 2 * i);
    }

    private static void BF16(byte* x, float* y, long count)
    {
        for (long i = 0; i < count; i++) y[i] = BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(x + 2 * i) << 16);
    }
}

using System.Runtime.Intrinsics;

namespace LowRank.Tensors;

/// <summary>bitsandbytes' quantiser, with its roundings on a CPU: the bytes are the same.</summary>
internal static unsafe class Bnb4Quantizer
{
    private const float Least = 1e-38f;
    private const int NestedBlock = Bnb4State.NestedBlock;

    /// <summary>
    /// Codes of a flat row of numbers, two to a byte with the first in the high nibble, and the largest size of each block. Each number becomes the nearest code of its block's
    /// range; on the middle between two, the smaller.
    /// </summary>
    public static void Quantize(float[] book, float* x, long count, int blockSize, byte* packed, float* largest)
    {
        var (boundaries, order) = Boundaries(book);
        long blocks = (count + blockSize - 1) / blockSize;
        const long portion = 256; // blocks a thread takes at a time
        Parallel.For(0, (blocks + portion - 1) / portion, p =>
        {
            byte* codes = stackalloc byte[blockSize];
            for (long block = p * portion; block < Math.Min(blocks, (p + 1) * portion); block++)
            {
                float* at = x + block * blockSize;
                int length = (int)Math.Min(blockSize, count - block * blockSize);
                float size = Largest(at, length);
                bool whole = length == blockSize;
                largest[block] = whole ? size : MathF.Max(size, Least);
                // A whole block is multiplied by the reciprocal, a short one divided: the library does so, and the last bit can differ.
                float inverse = 1 / MathF.Max(size, Least);
                Codes(at, length, boundaries, order, whole ? inverse : 0, largest[block], codes);
                if (!whole && length % 2 != 0) codes[length] = order[Below(boundaries, 0)];
                for (int i = 0; i < length; i += 2) packed[(block * blockSize + i) / 2] = (byte)(codes[i] << 4 | codes[i + 1]);
            }
        });
    }

    /// <summary>
    /// 8-bit codes of numbers in the dynamic book, and the largest size of each block of 256. The library looks the nearest code up for 65,536 steps from -1 to 1, so a number is
    /// rounded to a step first; without that, a code in a thousand differs.
    /// </summary>
    public static (byte[] Codes, float[] Largest) QuantizeScales(ReadOnlySpan<float> x)
    {
        var codes = new byte[x.Length];
        var largest = new float[(x.Length + NestedBlock - 1) / NestedBlock];
        for (int i = 0; i < x.Length; i++) largest[i / NestedBlock] = MathF.Max(largest[i / NestedBlock], MathF.Abs(x[i]));
        for (int i = 0; i < x.Length; i++)
        {
            float size = largest[i / NestedBlock];
            if (size == 0) continue; // all scales are equal: code 0
            float step = MathF.Floor((Math.Clamp(x[i] * (1 / size), -1, 1) + 1) * 32767.5f + 0.5f);
            codes[i] = Nearest(Bnb4Codes.Dynamic, step / 32767.5 - 1);
        }
        return (codes, largest);
    }

    private static byte Nearest(float[] book, double value)
    {
        int at = Array.BinarySearch(book, (float)value);
        if (at >= 0) return (byte)at;
        at = Math.Clamp(~at - 1, 0, book.Length - 2);
        return (byte)(book[at + 1] - value < value - book[at] ? at + 1 : at);
    }

    /// <summary>The middles between the codes in rising order, and the codes in that order (FP4's lie otherwise, and its two zeros follow each other).</summary>
    private static (float[] Boundaries, byte[] Order) Boundaries(float[] book)
    {
        byte[] order = [.. Enumerable.Range(0, book.Length).OrderBy(i => book[i]).Select(i => (byte)i)];
        return ([.. order.Zip(order.Skip(1), (a, b) => (book[a] + book[b]) / 2)], order);
    }

    private static int Below(float[] boundaries, float value) => boundaries.Count(b => b < value);

    private static float Largest(float* x, int length)
    {
        float largest = 0;
        int i = 0;
        if (length >= 8)
        {
            var all = Vector256<float>.Zero;
            for (; i + 8 <= length; i += 8) all = Vector256.Max(all, Vector256.Abs(Vector256.Load(x + i)));
            for (int lane = 0; lane < 8; lane++) largest = MathF.Max(largest, all[lane]);
        }
        for (; i < length; i++) largest = MathF.Max(largest, MathF.Abs(x[i]));
        return largest;
    }

    private static void Codes(float* x, int length, float[] boundaries, byte[] order, float inverse, float divisor, byte* codes)
    {
        int i = 0;
        if (inverse != 0)
            for (; i + 8 <= length; i += 8)
            {
                var value = Vector256.Load(x + i) * Vector256.Create(inverse);
                var below = Vector256<int>.Zero;
                foreach (float boundary in boundaries) below -= Vector256.GreaterThan(value, Vector256.Create(boundary)).AsInt32();
                for (int lane = 0; lane < 8; lane++) codes[i + lane] = order[below[lane]];
            }
        for (; i < length; i++)
        {
            float value = inverse != 0 ? x[i] * inverse : x[i] / divisor;
            int below = 0;
            foreach (float boundary in boundaries) if (boundary < value) below++;
            codes[i] = order[below];
        }
    }
}

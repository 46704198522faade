namespace LowRank.Tensors;

/// <summary>Packs what <see cref="GgufFit"/> finds into the K types' super-blocks; the layouts are those of <see cref="GgufKBlocks"/>.</summary>
internal static unsafe class GgufKEncoders
{
    public static void Q2_K(float* x, byte* block)
    {
        Span<int> scales = stackalloc int[16], minima = stackalloc int[16], q = stackalloc int[256];
        var (d, m) = new GgufFit(x, 16, 0, 3).Affine(15, scales, minima, q);
        for (int i = 0; i < 16; i++) block[i] = (byte)(scales[i] | minima[i] << 4);
        TwoBits(q, block + 16);
        GgufPlainEncoders.StoreHalf(block + 80, d);
        GgufPlainEncoders.StoreHalf(block + 82, m);
    }

    public static void Q3_K(float* x, byte* block)
    {
        Span<int> scales = stackalloc int[16], q = stackalloc int[256];
        float d = new GgufFit(x, 16, -4, 3).Symmetric(32, scales, q);
        new Span<byte>(block, 110).Clear();
        for (int i = 0; i < 256; i++) if (q[i] >= 0) block[i % 32] |= (byte)(1 << i / 32);
        TwoBits(q, block + 32); // the two low bits of q and of q + 4 are the same
        for (int i = 0; i < 16; i++)
        {
            int code = scales[i] + 32;
            block[96 + i % 8] |= (byte)((code & 15) << i / 8 * 4);
            block[104 + i % 4] |= (byte)(code >> 4 << i / 4 * 2);
        }
        GgufPlainEncoders.StoreHalf(block + 108, d);
    }

    public static void Q4_K(float* x, byte* block)
    {
        Span<int> q = stackalloc int[256];
        Head(x, block, 15, q);
        Nibbles(q, block + 16);
    }

    public static void Q5_K(float* x, byte* block)
    {
        Span<int> q = stackalloc int[256];
        Head(x, block, 31, q);
        byte* high = block + 16;
        new Span<byte>(high, 32).Clear();
        for (int i = 0; i < 256; i++) high[i % 32] |= (byte)(q[i] >> 4 << i / 32);
        Nibbles(q, block + 48);
    }

    public static void Q6_K(float* x, byte* block)
    {
        Span<int> scales = stackalloc int[16], q = stackalloc int[256];
        float d = new GgufFit(x, 16, -32, 31).Symmetric(128, scales, q);
        byte* low = block, high = block + 128;
        for (int half = 0; half < 256; half += 128, low += 64, high += 32)
            for (int i = 0; i < 32; i++)
            {
                int a = q[half + i] + 32, b = q[half + i + 32] + 32, c = q[half + i + 64] + 32, e = q[half + i + 96] + 32;
                low[i] = (byte)(a & 15 | (c & 15) << 4);
                low[i + 32] = (byte)(b & 15 | (e & 15) << 4);
                high[i] = (byte)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
            }
        for (int i = 0; i < 16; i++) block[192 + i] = (byte)(sbyte)scales[i];
        GgufPlainEncoders.StoreHalf(block + 208, d);
    }

    /// <summary>The two halves and the 12 bytes of six-bit scales and minima that Q4_K and Q5_K begin with.</summary>
    private static void Head(float* x, byte* block, int highest, Span<int> q)
    {
        Span<int> scales = stackalloc int[8], minima = stackalloc int[8];
        var (d, m) = new GgufFit(x, 32, 0, highest).Affine(63, scales, minima, q);
        GgufPlainEncoders.StoreHalf(block, d);
        GgufPlainEncoders.StoreHalf(block + 2, m);
        byte* packed = block + 4;
        for (int i = 0; i < 4; i++)
        {
            packed[i] = (byte)(scales[i] | scales[i + 4] >> 4 << 6);
            packed[i + 4] = (byte)(minima[i] | minima[i + 4] >> 4 << 6);
            packed[i + 8] = (byte)(scales[i + 4] & 15 | (minima[i + 4] & 15) << 4);
        }
    }

    private static void Nibbles(Span<int> q, byte* target)
    {
        for (int i = 0; i < 128; i++)
        {
            int at = i / 32 * 64 + i % 32;
            target[i] = (byte)(q[at] & 15 | (q[at + 32] & 15) << 4);
        }
    }

    private static void TwoBits(Span<int> q, byte* target)
    {
        for (int i = 0; i < 64; i++)
        {
            int at = i / 32 * 128 + i % 32;
            target[i] = (byte)(q[at] & 3 | (q[at + 32] & 3) << 2 | (q[at + 64] & 3) << 4 | (q[at + 96] & 3) << 6);
        }
    }
}

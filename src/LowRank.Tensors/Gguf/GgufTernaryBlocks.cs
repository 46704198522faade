namespace LowRank.Tensors;

/// <summary>The ternary types: -1, 0 or 1 times the block's scale, five to a byte in base 3 (TQ1_0) or four to a byte in two bits each (TQ2_0).</summary>
internal static unsafe class GgufTernaryBlocks
{
    /// <summary>Powers of 3: what brings a byte's digit to its top. The byte is the five digits as a fraction of 256, rounded up.</summary>
    private static ReadOnlySpan<byte> Powers => [1, 3, 9, 27, 81];

    public static void TQ1_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 54)
        {
            float d = GgufBlocks.Half(x + 52);
            y = Digits(x, 32, 5, d, y);
            y = Digits(x + 32, 16, 5, d, y);
            y = Digits(x + 48, 4, 4, d, y);
        }
    }

    public static void TQ2_0(byte* x, float* y, long blocks)
    {
        for (; blocks-- > 0; x += 66)
        {
            float d = GgufBlocks.Half(x + 64);
            for (byte* q = x; q < x + 64; q += 32)
                for (int shift = 0; shift < 8; shift += 2, y += 32)
                    for (int i = 0; i < 32; i++) y[i] = ((q[i] >> shift & 3) - 1) * d;
        }
    }

    private static float* Digits(byte* q, int bytes, int digits, float d, float* y)
    {
        for (int digit = 0; digit < digits; digit++, y += bytes)
            for (int i = 0; i < bytes; i++) y[i] = (((byte)(q[i] * Powers[digit]) * 3 >> 8) - 1) * d;
        return y;
    }
}

namespace LowRank.Tensors;

/// <summary>Ternary blocks: the scale is the largest number's size, and what is nearer to it than to 0 becomes -1 or 1.</summary>
internal static unsafe class GgufTernaryEncoders
{
    public static void TQ1_0(float* x, byte* block)
    {
        float d = Scale(x), inverse = GgufPlainEncoders.Inverse(d);
        Digits(x, inverse, block, 32, 5);
        Digits(x + 160, inverse, block + 32, 16, 5);
        Digits(x + 240, inverse, block + 48, 4, 4);
        GgufPlainEncoders.StoreHalf(block + 52, d);
    }

    public static void TQ2_0(float* x, byte* block)
    {
        float d = Scale(x), inverse = GgufPlainEncoders.Inverse(d);
        for (int i = 0; i < 64; i++)
        {
            float* four = x + i / 32 * 128 + i % 32;
            block[i] = (byte)(Code(four[0], inverse) | Code(four[32], inverse) << 2 | Code(four[64], inverse) << 4 | Code(four[96], inverse) << 6);
        }
        GgufPlainEncoders.StoreHalf(block + 64, d);
    }

    /// <summary>Digits in base 3, the first highest, as a fraction of 256 rounded up: the decoder then finds each by multiplying. Four digits stand as five with a 0 behind.</summary>
    private static void Digits(float* x, float inverse, byte* target, int bytes, int digits)
    {
        for (int i = 0; i < bytes; i++)
        {
            int number = 0;
            for (int digit = 0; digit < 5; digit++) number = number * 3 + (digit < digits ? Code(x[digit * bytes + i], inverse) : 0);
            target[i] = (byte)((number * 256 + 242) / 243);
        }
    }

    private static int Code(float value, float inverse) => (int)MathF.Round(value * inverse, MidpointRounding.AwayFromZero) + 1;

    private static float Scale(float* x)
    {
        float largest = 0;
        for (int i = 0; i < 256; i++) largest = MathF.Max(largest, MathF.Abs(x[i]));
        return largest;
    }
}

namespace LowRank.Tensors;

/// <summary>
/// bitsandbytes' code books. NF4: the quantiles of a normal distribution (Dettmers et al., QLoRA, 2023, appendix E). FP4: a 4-bit float of two exponent bits
/// and one of mantissa, scaled to 1. The dynamic book of 256 codes, for scales: seven decades, each divided twice as finely as the one below (Dettmers, 2015).
/// </summary>
internal static class Bnb4Codes
{
    public static float[] Nf4 { get; } =
    [
        -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1,
    ];

    public static float[] Fp4 { get; } =
    [
        0, 0.0052083334885537624f, 0.6666666865348816f, 1, 0.3333333432674408f, 0.5f, 0.1666666716337204f, 0.25f,
        0, -0.0052083334885537624f, -0.6666666865348816f, -1, -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f,
    ];

    public static float[] Dynamic { get; } = MakeDynamic();

    /// <summary>The book of a name; an error where there is none.</summary>
    public static float[] Named(string code, string? place = null) => code switch
    {
        "nf4" => Nf4,
        "fp4" => Fp4,
        _ => throw new BadInputException("an unknown 4-bit code", code, place, "nf4 or fp4"),
    };

    private static float[] MakeDynamic()
    {
        List<float> codes = [0, 1];
        for (int decade = 0; decade < 7; decade++)
        {
            int points = (1 << decade) + 1;
            float step = (1 - 0.1f) / (points - 1), unit = (float)Math.Pow(10, decade - 6);
            // As libtorch's linspace: from both ends, rounded once.
            float Boundary(int i) => i < points / 2 ? MathF.FusedMultiplyAdd(step, i, 0.1f) : MathF.FusedMultiplyAdd(-step, points - 1 - i, 1);
            for (int i = 0; i + 1 < points; i++)
            {
                float value = unit * ((Boundary(i) + Boundary(i + 1)) / 2);
                codes.AddRange([value, -value]);
            }
        }
        codes.Sort();
        return [.. codes];
    }
}

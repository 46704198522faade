using System.Runtime.Intrinsics;

namespace LowRank.Tensors;

/// <summary>
/// Least squares for a super-block of the K types. Its sub-blocks are approximated by scale * q + shift with integers q in [Lowest, Highest]; scales (and shifts, which are never
/// above 0) are themselves integers times one half-precision number. Found in three passes: the best real scale and shift of each sub-block among roundings for slightly different
/// ranges, their neighbours among the integers, and the two common factors again for the integers then chosen.
/// </summary>
internal readonly unsafe ref struct GgufFit(float* x, int size, int lowest, int highest)
{
    private const int Rounds = 9;
    private const float RoundStep = 0.1f;

    /// <summary>Sub-blocks of the super-block.</summary>
    private int Count => 256 / size;

    /// <summary>Scales and minima in [0, most]: value = d * scale * q - m * minimum. Fills <paramref name="q"/>.</summary>
    public (float D, float M) Affine(int most, Span<int> scales, Span<int> minima, Span<int> q)
    {
        Span<float> scale = stackalloc float[Count], shift = stackalloc float[Count];
        float largest = 0, deepest = 0;
        for (int sub = 0; sub < Count; sub++)
        {
            (scale[sub], shift[sub]) = Best(x + sub * size);
            (largest, deepest) = (MathF.Max(largest, scale[sub]), MathF.Max(deepest, -shift[sub]));
        }
        float d = (float)(Half)(largest / most), m = (float)(Half)(deepest / most);
        for (int sub = 0; sub < Count; sub++)
        {
            int s = Code(scale[sub], d, 0, most), k = Code(-shift[sub], m, 0, most);
            float least = float.PositiveInfinity;
            for (int ds = Math.Max(0, s - 1); ds <= Math.Min(most, s + 1); ds++)
                for (int dk = Math.Max(0, k - 1); dk <= Math.Min(most, k + 1); dk++)
                {
                    float error = Error(x + sub * size, d * ds, -m * dk);
                    if (error < least) (least, scales[sub], minima[sub]) = (error, ds, dk);
                }
        }
        Round(d, m, scales, minima, q);
        double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
        for (int i = 0; i < 256; i++)
        {
            double a = scales[i / size] * q[i], b = -minima[i / size];
            (aa, ab, bb, ax, bx) = (aa + a * a, ab + a * b, bb + b * b, ax + a * x[i], bx + b * x[i]);
        }
        double determinant = aa * bb - ab * ab;
        if (determinant > 1e-9 * aa * bb) Accept(ref d, ref m, (ax * bb - bx * ab) / determinant, (bx * aa - ax * ab) / determinant, scales, minima);
        else if (aa > 0 && bb == 0) Accept(ref d, ref m, ax / aa, 0, scales, minima);
        Round(d, m, scales, minima, q);
        return (d, m);
    }

    /// <summary>Signed scales in [-most, most - 1]: value = d * scale * q. Fills <paramref name="q"/>.</summary>
    public float Symmetric(int most, Span<int> scales, Span<int> q)
    {
        Span<float> scale = stackalloc float[Count];
        Span<int> none = stackalloc int[Count];
        none.Clear();
        float largest = 0;
        for (int sub = 0; sub < Count; sub++)
        {
            scale[sub] = BestCentred(x + sub * size);
            if (MathF.Abs(scale[sub]) > MathF.Abs(largest)) largest = scale[sub];
        }
        float d = (float)(Half)(largest / -most), unused = 0;
        for (int sub = 0; sub < Count; sub++)
        {
            int s = Code(scale[sub], d, -most, most - 1);
            float least = float.PositiveInfinity;
            for (int ds = Math.Max(-most, s - 1); ds <= Math.Min(most - 1, s + 1); ds++)
            {
                float error = Error(x + sub * size, d * ds, 0);
                if (error < least) (least, scales[sub]) = (error, ds);
            }
        }
        Round(d, 0, scales, none, q);
        double aa = 0, ax = 0;
        for (int i = 0; i < 256; i++)
        {
            double a = scales[i / size] * q[i];
            (aa, ax) = (aa + a * a, ax + a * x[i]);
        }
        if (aa > 0) Accept(ref d, ref unused, ax / aa, 0, scales, none);
        Round(d, 0, scales, none, q);
        return d;
    }

    /// <summary>Takes new common factors where they make the error smaller, as they will be stored.</summary>
    private void Accept(ref float d, ref float m, double newD, double newM, Span<int> scales, Span<int> minima)
    {
        float nextD = (float)(Half)newD, nextM = (float)(Half)newM, before = 0, after = 0;
        for (int sub = 0; sub < Count; sub++)
        {
            before += Error(x + sub * size, d * scales[sub], -m * minima[sub]);
            after += Error(x + sub * size, nextD * scales[sub], -nextM * minima[sub]);
        }
        if (nextM >= 0 && after < before) (d, m) = (nextD, nextM);
    }

    /// <summary>The nearest integers.</summary>
    private void Round(float d, float m, Span<int> scales, Span<int> minima, Span<int> q)
    {
        for (int i = 0; i < 256; i++)
        {
            float scale = d * scales[i / size], shift = -m * minima[i / size];
            q[i] = scale == 0 ? 0 : (int)Math.Clamp(MathF.Round((x[i] - shift) * (1 / scale)), lowest, highest);
        }
    }

    private static int Code(float value, float unit, int least, int most) => unit == 0 ? 0 : (int)Math.Clamp(MathF.Round(value / unit), least, most);

    /// <summary>The best scale and shift (at most 0) of a sub-block: for each of several roundings, least squares, and once more for the rounding that follows from it.</summary>
    private (float Scale, float Shift) Best(float* at)
    {
        float least = 0, most = at[0], total = 0;
        for (int i = 0; i < size; i++) (least, most, total) = (MathF.Min(least, at[i]), MathF.Max(most, at[i]), total + at[i]);
        if (!(most > least)) return (0, least);
        float best = float.PositiveInfinity, bestScale = 0, bestShift = least;
        for (int round = -Rounds; round <= Rounds; round++)
        {
            float scale = (most - least) / (highest + RoundStep * round), shift = least;
            for (int again = 0; again < 2; again++)
            {
                var (l, ll, xl) = Sums(at, 1 / scale, shift);
                float determinant = size * ll - l * l;
                if (ll == 0) break;
                if (determinant > 0) (scale, shift) = ((size * xl - total * l) / determinant, (ll * total - l * xl) / determinant);
                if (determinant <= 0 || shift > 0) (scale, shift) = (xl / ll, 0); // all integers are the same, or the shift is not one that can be stored
                if (!(scale > 0)) break;
                float error = Error(at, scale, shift);
                if (error < best) (best, bestScale, bestShift) = (error, scale, shift);
            }
        }
        return (bestScale, bestShift);
    }

    /// <summary>The best scale of a sub-block without a shift; its sign puts the furthest number on the side that reaches one further.</summary>
    private float BestCentred(float* at)
    {
        float furthest = 0;
        for (int i = 0; i < size; i++) if (MathF.Abs(at[i]) > MathF.Abs(furthest)) furthest = at[i];
        if (furthest == 0) return 0;
        float best = -1, bestScale = 0;
        for (int round = -Rounds; round <= Rounds; round++)
        {
            var (_, ll, xl) = Sums(at, (lowest + RoundStep * round) / furthest, 0);
            if (ll > 0 && xl * xl / ll > best) (best, bestScale) = (xl * xl / ll, xl / ll);
        }
        return bestScale;
    }

    /// <summary>Sums of q, q * q and x * q for q = the rounded (x - shift) * inverse.</summary>
    private (float Q, float QQ, float XQ) Sums(float* at, float inverse, float shift)
    {
        Vector256<float> i = Vector256.Create(inverse), b = Vector256.Create(shift), low = Vector256.Create((float)lowest), high = Vector256.Create((float)highest);
        Vector256<float> q = default, qq = default, xq = default;
        for (int j = 0; j < size; j += 8)
        {
            var v = Vector256.Load(at + j);
            var l = Vector256.Min(Vector256.Max(Vector256.Round((v - b) * i), low), high);
            (q, qq, xq) = (q + l, qq + l * l, xq + l * v);
        }
        return (Vector256.Sum(q), Vector256.Sum(qq), Vector256.Sum(xq));
    }

    /// <summary>Sum of squares of what a scale and a shift leave.</summary>
    private float Error(float* at, float scale, float shift)
    {
        Vector256<float> s = Vector256.Create(scale), i = Vector256.Create(scale == 0 ? 0 : 1 / scale), b = Vector256.Create(shift);
        Vector256<float> low = Vector256.Create((float)lowest), high = Vector256.Create((float)highest), sum = default;
        for (int j = 0; j < size; j += 8)
        {
            var v = Vector256.Load(at + j);
            var left = Vector256.Min(Vector256.Max(Vector256.Round((v - b) * i), low), high) * s + b - v;
            sum += left * left;
        }
        return Vector256.Sum(sum);
    }
}

using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The output loss and attention's softmax.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    private const float Masked = -1e30f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Loss(void* logits, int count, int target, float scale, out float factor)
    {
        TE* row = (TE*)logits;
        float largest = float.NegativeInfinity, sum = 0;
        LargestOf<Lanes1>(row, LargestOf<TL>(row, 0, count, ref largest), count, ref largest);
        if (scale < 0) throw new ArgumentOutOfRangeException(nameof(scale));
        float shift = largest * scale, wanted = Lanes1.Sum(TE.Load<Lanes1>(row + target)) * scale - shift;
        Exponentials<Lanes1>(row, scale, shift, Exponentials<TL>(row, scale, shift, 0, count, ref sum), count, ref sum);
        TE.Store(Lanes1.Of(MathF.Exp(wanted) - sum), row + target);
        factor = 1 / sum;
        return MathF.Log(sum) - wanted;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LargestOf<L>(TE* x, int i, int n, ref float largest) where L : unmanaged, ILanes<L>
    {
        if (i + L.Count > n) return i;
        var most = TE.Load<L>(x + i);
        for (i += L.Count; i + L.Count <= n; i += L.Count) most = L.Max(most, TE.Load<L>(x + i));
        largest = MathF.Max(largest, L.Largest(most));
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Exponentials<L>(TE* x, float scale, float shift, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        L factor = L.Of(scale), offset = L.Of(-shift), total = L.Of(0);
        for (; i + L.Count <= n; i += L.Count)
        {
            var e = LaneMath.Exp(L.MultiplyAdd(TE.Load<L>(x + i), factor, offset));
            total += e;
            TE.Store(e, x + i);
        }
        sum += L.Sum(total);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Softmax(float* scores, int pitch, int rows, int columns, float scale, int firstMasked, int firstSeen, float* maxima, float* sums, float* shrink, void* p, int pitchP)
    {
        for (int r = 0; r < rows; r++)
        {
            float* s = scores + (long)r * pitch;
            TE* to = (TE*)p + (long)r * pitchP;
            int from = Math.Clamp(firstSeen + r, 0, columns), end = Math.Clamp(firstMasked + r, from, columns);
            new Span<float>(s, from).Fill(Masked);
            new Span<float>(s + end, columns - end).Fill(Masked);
            float largest = Masked;
            LargestScore<Lanes1>(s, LargestScore<TL>(s, 0, columns, ref largest), columns, ref largest);
            float old = maxima[r], most = MathF.Max(old, largest * scale), sum = 0;
            maxima[r] = most;
            shrink[r] = MathF.Exp(old - most);
            ScoreExponentials<Lanes1>(s, to, scale, most, ScoreExponentials<TL>(s, to, scale, most, 0, columns, ref sum), columns, ref sum);
            sums[r] = sums[r] * shrink[r] + sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LargestScore<L>(float* x, int i, int n, ref float largest) where L : unmanaged, ILanes<L>
    {
        if (i + L.Count > n) return i;
        var most = L.Load(x + i);
        for (i += L.Count; i + L.Count <= n; i += L.Count) most = L.Max(most, L.Load(x + i));
        largest = MathF.Max(largest, L.Largest(most));
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScoreExponentials<L>(float* s, TE* p, float scale, float shift, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        L factor = L.Of(scale), offset = L.Of(-shift), total = L.Of(0);
        for (; i + L.Count <= n; i += L.Count)
        {
            var e = LaneMath.Exp(L.MultiplyAdd(L.Load(s + i), factor, offset)); // 1e-38 where masked
            total += e;
            TE.Store(e, p + i);
        }
        sum += L.Sum(total);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SoftmaxBackward(float* scores, float* dp, int keys, int rows, float scale, int firstRow, int window, float* lse, float* delta, void* p, void* ds, void* dsPanel)
    {
        for (int key = 0; key < keys; key++)
        {
            long at = (long)key * rows;
            TE* toP = (TE*)p + at, toS = (TE*)ds + at;
            BackRow<Lanes1>(scores + at, dp + at, scale, lse, delta, toP, toS, BackRow<TL>(scores + at, dp + at, scale, lse, delta, toP, toS, 0, rows), rows);
            int from = Math.Clamp(key - firstRow, 0, rows), end = (int)Math.Clamp((long)key - firstRow + window, from, rows);
            new Span<TE>(toP, from).Clear();
            new Span<TE>(toS, from).Clear();
            new Span<TE>(toP + end, rows - end).Clear();
            new Span<TE>(toS + end, rows - end).Clear();
        }
        PackRows(ds, rows, keys, rows, dsPanel, keys, rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int BackRow<L>(float* scores, float* dp, float scale, float* lse, float* delta, TE* p, TE* ds, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(scale);
        for (; i + L.Count <= n; i += L.Count)
        {
            var e = LaneMath.Exp(L.MultiplyAdd(L.Load(scores + i), factor, L.Of(0) - L.Load(lse + i)));
            TE.Store(e, p + i);
            TE.Store(e * (L.Load(dp + i) - L.Load(delta + i)) * factor, ds + i);
        }
        return i;
    }
}

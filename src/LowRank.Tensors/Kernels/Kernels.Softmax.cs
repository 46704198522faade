using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The output loss and attention's softmax.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    private const float Masked = -1e30f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Loss(void* logits, int count, int target, float scale, out float factor, float cap = 0)
    {
        TE* row = (TE*)logits;
        float largest = float.NegativeInfinity, sum = 0;
        LargestOf<Lanes1>(row, LargestOf<TL>(row, 0, count, ref largest), count, ref largest);
        if (scale < 0) throw new ArgumentOutOfRangeException(nameof(scale));
        if (cap > 0) return CappedLoss(row, count, target, scale, cap, largest, out factor);
        float shift = largest * scale, wanted = Lanes1.Sum(TE.Load<Lanes1>(row + target)) * scale - shift;
        Exponentials<Lanes1>(row, scale, shift, Exponentials<TL>(row, scale, shift, 0, count, ref sum), count, ref sum);
        TE.Store(Lanes1.Of(MathF.Exp(wanted) - sum), row + target);
        factor = 1 / sum;
        return MathF.Log(sum) - wanted;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float CappedLoss(TE* row, int count, int target, float scale, float cap, float largest, out float factor)
    {
        float sum = 0, shift = Lanes1.Sum(Capped(Lanes1.Of(largest), scale, cap, out _));
        float wanted = Lanes1.Sum(Capped(TE.Load<Lanes1>(row + target), scale, cap, out var slope)) - shift;
        CappedExponentials<Lanes1>(row, scale, cap, shift, CappedExponentials<TL>(row, scale, cap, shift, 0, count, ref sum), count, ref sum);
        TE.Store(Lanes1.Of(MathF.Exp(wanted) - sum) * slope, row + target);
        factor = 1 / sum;
        return MathF.Log(sum) - wanted;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CappedExponentials<L>(TE* x, float scale, float cap, float shift, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        L offset = L.Of(shift), total = L.Of(0);
        for (; i + L.Count <= n; i += L.Count)
        {
            var e = LaneMath.Exp(Capped(TE.Load<L>(x + i), scale, cap, out var slope) - offset);
            total += e;
            TE.Store(e * slope, x + i);
        }
        sum += L.Sum(total);
        return i;
    }

    // cap·tanh(x·scale / cap), and its slope over x·scale.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static L Capped<L>(L x, float scale, float cap, out L slope) where L : unmanaged, ILanes<L>
    {
        var t = LaneMath.Tanh(x * L.Of(scale / cap));
        slope = L.Of(1) - t * t;
        return t * L.Of(cap);
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
    public override void Softmax(float* scores, int pitch, int rows, int columns, float scale, int firstMasked, int firstSeen, float* maxima, float* sums, float* shrink, void* p, int pitchP, float cap = 0)
    {
        for (int r = 0; r < rows; r++)
        {
            float* s = scores + (long)r * pitch;
            TE* to = (TE*)p + (long)r * pitchP;
            if (cap > 0) Cap<Lanes1>(s, scale, cap, Cap<TL>(s, scale, cap, 0, columns), columns);
            int from = Math.Clamp(firstSeen + r, 0, columns), end = Math.Clamp(firstMasked + r, from, columns);
            new Span<float>(s, from).Fill(Masked);
            new Span<float>(s + end, columns - end).Fill(Masked);
            float largest = Masked;
            LargestScore<Lanes1>(s, LargestScore<TL>(s, 0, columns, ref largest), columns, ref largest);
            float factor = cap > 0 ? 1 : scale, old = maxima[r], most = MathF.Max(old, largest * factor), sum = 0;
            maxima[r] = most;
            shrink[r] = MathF.Exp(old - most);
            ScoreExponentials<Lanes1>(s, to, factor, most, ScoreExponentials<TL>(s, to, factor, most, 0, columns, ref sum), columns, ref sum);
            sums[r] = sums[r] * shrink[r] + sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Cap<L>(float* x, float scale, float cap, int i, int n) where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count) L.Store(Capped(L.Load(x + i), scale, cap, out _), x + i);
        return i;
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
    public override void SoftmaxBackward(float* scores, float* dp, int keys, int rows, float scale, int firstRow, int window, float* lse, float* delta, void* p, void* ds, void* dsPanel, float cap = 0)
    {
        for (int key = 0; key < keys; key++)
        {
            long at = (long)key * rows;
            TE* toP = (TE*)p + at, toS = (TE*)ds + at;
            if (cap > 0) CappedBackRow<Lanes1>(scores + at, dp + at, scale, cap, lse, delta, toP, toS, CappedBackRow<TL>(scores + at, dp + at, scale, cap, lse, delta, toP, toS, 0, rows), rows);
            else BackRow<Lanes1>(scores + at, dp + at, scale, lse, delta, toP, toS, BackRow<TL>(scores + at, dp + at, scale, lse, delta, toP, toS, 0, rows), rows);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CappedBackRow<L>(float* scores, float* dp, float scale, float cap, float* lse, float* delta, TE* p, TE* ds, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(scale);
        for (; i + L.Count <= n; i += L.Count)
        {
            var e = LaneMath.Exp(Capped(L.Load(scores + i), scale, cap, out var slope) - L.Load(lse + i));
            TE.Store(e, p + i);
            TE.Store(e * (L.Load(dp + i) - L.Load(delta + i)) * factor * slope, ds + i);
        }
        return i;
    }
}

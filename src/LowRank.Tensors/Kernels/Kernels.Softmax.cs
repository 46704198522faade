using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>Attention between its products. Exponents are of 2, so that a score costs one multiplication before it is raised.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    private const float Masked = -1e30f, Log2E = 1.44269504f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Softmax(float* scores, int pitch, int rows, int columns, float scale, int firstMasked, int firstSeen, float* maxima, float* sums, float* shrink, void* p, int pitchP, float cap = 0)
    {
        float factor = (cap > 0 ? 1 : scale) * Log2E;
        for (int r = 0; r < rows; r++)
        {
            float* s = scores + (long)r * pitch;
            TE* to = (TE*)p + (long)r * pitchP;
            int from = Math.Clamp(firstSeen + r, 0, columns), end = Math.Clamp(firstMasked + r, from, columns), width = 2 * TL.Count, reach = Math.Min(columns, (end + width - 1) / width * width);
            if (cap > 0) Cap<Lanes1>(s, scale, cap, Cap<TL>(s, scale, cap, 0, reach), reach);
            new Span<float>(s, from).Fill(Masked);
            new Span<float>(s + end, reach - end).Fill(Masked);
            new Span<TE>(to + reach, columns - reach).Clear();
            float largest = Masked;
            int done = LargestScore<TL>(s, 0, reach, ref largest);
            if (done < reach) LargestScore<Lanes1>(s, done, reach, ref largest);
            float old = maxima[r], most = MathF.Max(old, largest * factor), sum = 0;
            maxima[r] = most;
            shrink[r] = Lanes1.Sum(LaneMath.Exp2(Lanes1.Of(old - most)));
            done = ScoreExponentials<TL>(s, to, factor, most, 0, reach, ref sum);
            if (done < reach) ScoreExponentials<Lanes1>(s, to, factor, most, done, reach, ref sum);
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
        if (i + 2 * L.Count > n) return i;
        L most = L.Load(x + i), most2 = L.Load(x + i + L.Count);
        for (i += 2 * L.Count; i + 2 * L.Count <= n; i += 2 * L.Count) (most, most2) = (L.Max(most, L.Load(x + i)), L.Max(most2, L.Load(x + i + L.Count)));
        largest = MathF.Max(largest, L.Largest(L.Max(most, most2)));
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScoreExponentials<L>(float* s, TE* p, float scale, float shift, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        L factor = L.Of(scale), offset = L.Of(-shift), total = L.Of(0), total2 = total;
        for (; i + 2 * L.Count <= n; i += 2 * L.Count)
        {
            L a = LaneMath.Exp2(L.MultiplyAdd(L.Load(s + i), factor, offset)), b = LaneMath.Exp2(L.MultiplyAdd(L.Load(s + i + L.Count), factor, offset)); // 1e-38 where masked
            (total, total2) = (total + a, total2 + b);
            TE.StoreTwo(a, b, p + i);
        }
        sum += L.Sum(total + total2);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Divide(float* x, long pitch, int rows, int columns, float* divisors, void* y, long pitchY)
    {
        for (int r = 0; r < rows; r++)
        {
            float* from = x + r * pitch;
            TE* to = (TE*)y + r * pitchY;
            float scale = 1 / divisors[r];
            var factor = TL.Of(scale);
            int c = 0;
            for (; c + 2 * TL.Count <= columns; c += 2 * TL.Count) TE.StoreTwo(TL.Load(from + c) * factor, TL.Load(from + c + TL.Count) * factor, to + c);
            for (; c + 2 <= columns; c += 2) TE.StoreTwo(Lanes1.Of(from[c] * scale), Lanes1.Of(from[c + 1] * scale), to + c);
            if (c < columns) TE.Store(Lanes1.Of(from[c] * scale), to + c);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Dots(void* x, long pitchX, void* y, long pitchY, int rows, int columns, float* dots)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* a = (TE*)x + r * pitchX, b = (TE*)y + r * pitchY;
            float sum = 0;
            int done = Dots<TL>(a, b, 0, columns, ref sum);
            if (done < columns) Dots<Lanes1>(a, b, done, columns, ref sum);
            dots[r] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SoftmaxBackward(float* scores, float* dp, int keys, int rows, float scale, int firstRow, int window, float* lse, float* delta, void* p, void* ds, void* dsPanel, float cap = 0)
    {
        if (cap > 0)
            for (int key = 0; key < keys; key++)
            {
                float* s = scores + (long)key * rows, d = dp + (long)key * rows;
                CapBackward<Lanes1>(s, d, delta, scale, cap, CapBackward<TL>(s, d, delta, scale, cap, 0, rows), rows);
            }
        float factor = (cap > 0 ? 1 : scale) * Log2E;
        if (cap > 0) delta = null; // it is taken off
        int done = BackStrips<TL>(scores, dp, keys, rows, scale, factor, lse, delta, (TE*)p, (TE*)ds, (uint*)dsPanel, 0);
        BackStrips<Lanes1>(scores, dp, keys, rows, scale, factor, lse, delta, (TE*)p, (TE*)ds, (uint*)dsPanel, done);
        if (keys - 1 <= firstRow && rows - 1 < (long)window - firstRow) return; // all see all
        for (int key = 0; key < keys; key++)
        {
            TE* toP = (TE*)p + (long)key * rows, toS = (TE*)ds + (long)key * rows;
            int from = Math.Clamp(key - firstRow, 0, rows), end = (int)Math.Clamp((long)key - firstRow + window, from, rows);
            new Span<TE>(toP, from).Clear();
            new Span<TE>(toS, from).Clear();
            new Span<TE>(toP + end, rows - end).Clear();
            new Span<TE>(toS + end, rows - end).Clear();
        }
        if (TE.Pair == 2) PackRows(ds, rows, keys, rows, dsPanel, keys, rows);
    }

    // Scores capped, and d(p) with what its row takes off, times the cap's slope.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CapBackward<L>(float* scores, float* dp, float* delta, float scale, float cap, int i, int n) where L : unmanaged, ILanes<L>
    {
        for (; i + L.Count <= n; i += L.Count)
        {
            L.Store(Capped(L.Load(scores + i), scale, cap, out var slope), scores + i);
            L.Store((L.Load(dp + i) - L.Load(delta + i)) * slope, dp + i);
        }
        return i;
    }

    // Two keys by two registers of rows at a time: what belongs to rows stays in registers, and a pair of keys is at hand when it has to be interleaved.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int BackStrips<L>(float* scores, float* dp, int keys, int rows, float scale, float scoreScale, float* lse, float* delta, TE* p, TE* ds, uint* panel, int i) where L : unmanaged, ILanes<L>
    {
        L factor = L.Of(scale), scoreFactor = L.Of(scoreScale), none = L.Of(0);
        for (; i + 2 * L.Count <= rows; i += 2 * L.Count)
        {
            L off0 = none - L.Load(lse + i), off1 = none - L.Load(lse + i + L.Count), less0 = none, less1 = none;
            if (delta is not null) (less0, less1) = (none - L.Load(delta + i) * factor, none - L.Load(delta + i + L.Count) * factor);
            for (int key = 0; key < keys; key += 2)
            {
                long at = (long)key * rows + i, next = at + rows;
                L a0 = LaneMath.Exp2(L.MultiplyAdd(L.Load(scores + at), scoreFactor, off0)), a1 = LaneMath.Exp2(L.MultiplyAdd(L.Load(scores + at + L.Count), scoreFactor, off1));
                TE.StoreTwo(a0, a1, p + at);
                L b0 = LaneMath.Exp2(L.MultiplyAdd(L.Load(scores + next), scoreFactor, off0)), b1 = LaneMath.Exp2(L.MultiplyAdd(L.Load(scores + next + L.Count), scoreFactor, off1));
                TE.StoreTwo(b0, b1, p + next);
                a0 *= L.MultiplyAdd(L.Load(dp + at), factor, less0);
                a1 *= L.MultiplyAdd(L.Load(dp + at + L.Count), factor, less1);
                TE.StoreTwo(a0, a1, ds + at);
                b0 *= L.MultiplyAdd(L.Load(dp + next), factor, less0);
                b1 *= L.MultiplyAdd(L.Load(dp + next + L.Count), factor, less1);
                TE.StoreTwo(b0, b1, ds + next);
                if (TE.Pair == 1) continue;
                uint* pairs = panel + (long)key / 2 * rows + i;
                L.NarrowPairs(a0, b0, pairs);
                L.NarrowPairs(a1, b1, pairs + L.Count);
            }
        }
        return i;
    }
}

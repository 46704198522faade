using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>The output loss.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
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
}

using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>LayerNorm: its passes take the mean off on the way, twice over a row that is in the cache by then.</summary>
internal sealed unsafe partial class Kernels<TE, TL>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void LayerNorm(void* x, float* weight, float* bias, void* y, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* from = (TE*)x + (long)r * width, to = (TE*)y + (long)r * width;
            float inverse = Moments(from, width, epsilon, out float mean);
            Centre<Lanes1>(from, weight, bias, to, mean, inverse, Centre<TL>(from, weight, bias, to, mean, inverse, 0, width), width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void LayerNormBackward(void* x, float* weight, float* bias, void* dy, void* dx, void* y, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * width;
            TE* from = (TE*)x + at, gradient = (TE*)dy + at, to = (TE*)dx + at, again = y is null ? null : (TE*)y + at;
            float inverse = Moments(from, width, epsilon, out float mean), total = 0, along = 0;
            CentredSums<Lanes1>(from, gradient, weight, mean, CentredSums<TL>(from, gradient, weight, mean, 0, width, ref total, ref along), width, ref total, ref along);
            total /= width;
            along *= inverse / width;
            CentreBack<Lanes1>(from, gradient, weight, bias, to, again, mean, inverse, total, along, CentreBack<TL>(from, gradient, weight, bias, to, again, mean, inverse, total, along, 0, width), width);
        }
    }

    // A row's mean, and 1 / √(its variance + ε).
    private static float Moments(TE* x, int n, float epsilon, out float mean)
    {
        float sum = 0, square = 0;
        Total<Lanes1>(x, Total<TL>(x, 0, n, ref sum), n, ref sum);
        mean = sum / n;
        Spread<Lanes1>(x, mean, Spread<TL>(x, mean, 0, n, ref square), n, ref square);
        return 1 / MathF.Sqrt(square / n + epsilon);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Total<L>(TE* x, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        var s = L.Of(0);
        for (; i + L.Count <= n; i += L.Count) s += TE.Load<L>(x + i);
        sum += L.Sum(s);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Spread<L>(TE* x, float mean, int i, int n, ref float square) where L : unmanaged, ILanes<L>
    {
        L m = L.Of(mean), s = L.Of(0);
        for (; i + L.Count <= n; i += L.Count)
        {
            var v = TE.Load<L>(x + i) - m;
            s = L.MultiplyAdd(v, v, s);
        }
        square += L.Sum(s);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Centre<L>(TE* x, float* weight, float* bias, TE* y, float mean, float inverse, int i, int n) where L : unmanaged, ILanes<L>
    {
        L m = L.Of(mean), factor = L.Of(inverse);
        for (; i + L.Count <= n; i += L.Count) TE.Store(L.MultiplyAdd((TE.Load<L>(x + i) - m) * factor, L.Load(weight + i), L.Load(bias + i)), y + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CentredSums<L>(TE* x, TE* dy, float* weight, float mean, int i, int n, ref float total, ref float along) where L : unmanaged, ILanes<L>
    {
        L m = L.Of(mean), s = L.Of(0), a = s;
        for (; i + L.Count <= n; i += L.Count)
        {
            var d = TE.Load<L>(dy + i) * L.Load(weight + i);
            s += d;
            a = L.MultiplyAdd(d, TE.Load<L>(x + i) - m, a);
        }
        total += L.Sum(s);
        along += L.Sum(a);
        return i;
    }

    // dx += inverse·(dy·w - its mean - x̂·the mean of dy·w·x̂)
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CentreBack<L>(TE* x, TE* dy, float* weight, float* bias, TE* dx, TE* y, float mean, float inverse, float total, float along, int i, int n) where L : unmanaged, ILanes<L>
    {
        L m = L.Of(mean), up = L.Of(inverse), t = L.Of(total), a = L.Of(-along);
        for (; i + L.Count <= n; i += L.Count)
        {
            L normal = (TE.Load<L>(x + i) - m) * up, w = L.Load(weight + i);
            TE.Store(L.MultiplyAdd(L.MultiplyAdd(normal, a, TE.Load<L>(dy + i) * w - t), up, TE.Load<L>(dx + i)), dx + i);
            if (y is not null) TE.Store(L.MultiplyAdd(normal, w, L.Load(bias + i)), y + i);
        }
        return i;
    }
}

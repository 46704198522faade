using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>
/// Norms and rotary positions. Every pass is compiled in full at once: under tiered compilation with profiles some were left five times slower for the whole of some runs.
/// </summary>
internal sealed unsafe partial class Kernels<TE, TL> : Kernels where TE : unmanaged, IElement<TE> where TL : unmanaged, ILanes<TL>
{
    public override int Size => sizeof(TE);
    public override int Pair => TE.Pair;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNorm(void* x, float* weight, void* y, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            TE* from = (TE*)x + (long)r * width, to = (TE*)y + (long)r * width;
            float inverse = 1 / MathF.Sqrt(DotOf(from, from, width) / width + epsilon);
            Normalise<Lanes1>(from, weight, to, inverse, Normalise<TL>(from, weight, to, inverse, 0, width), width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Normalise<L>(TE* x, float* weight, TE* y, float inverse, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(inverse);
        for (; i + L.Count <= n; i += L.Count) TE.Store(TE.Load<L>(x + i) * factor * L.Load(weight + i), y + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNormBackward(void* x, float* weight, void* dy, void* dx, void* y, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * width;
            TE* from = (TE*)x + at, gradient = (TE*)dy + at, to = (TE*)dx + at, again = y is null ? null : (TE*)y + at;
            float square = 0, along = 0;
            Along<Lanes1>(from, gradient, weight, Along<TL>(from, gradient, weight, 0, width, ref square, ref along), width, ref square, ref along);
            float inverse = 1 / MathF.Sqrt(square / width + epsilon), back = along * inverse * inverse * inverse / width;
            NormBack<Lanes1>(from, gradient, weight, to, again, inverse, back, NormBack<TL>(from, gradient, weight, to, again, inverse, back, 0, width), width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Along<L>(TE* x, TE* dy, float* weight, int i, int n, ref float square, ref float along) where L : unmanaged, ILanes<L>
    {
        L s = L.Of(0), a = s;
        for (; i + L.Count <= n; i += L.Count)
        {
            var v = TE.Load<L>(x + i);
            s = L.MultiplyAdd(v, v, s);
            a = L.MultiplyAdd(TE.Load<L>(dy + i) * L.Load(weight + i), v, a);
        }
        square += L.Sum(s);
        along += L.Sum(a);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int NormBack<L>(TE* x, TE* dy, float* weight, TE* dx, TE* y, float inverse, float back, int i, int n) where L : unmanaged, ILanes<L>
    {
        L up = L.Of(inverse), down = L.Of(-back);
        for (; i + L.Count <= n; i += L.Count)
        {
            L v = TE.Load<L>(x + i), w = L.Load(weight + i);
            TE.Store(L.MultiplyAdd(TE.Load<L>(dy + i) * w, up, L.MultiplyAdd(v, down, TE.Load<L>(dx + i))), dx + i);
            if (y is not null) TE.Store(v * up * w, y + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNormSum(void* x, float* weight, void* y0, void* y, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * width;
            TE* from = (TE*)x + at, start = (TE*)y0 + at, to = (TE*)y + at;
            float inverse = 1 / MathF.Sqrt(DotOf(from, from, width) / width + epsilon);
            NormaliseOnto<Lanes1>(from, weight, start, to, inverse, NormaliseOnto<TL>(from, weight, start, to, inverse, 0, width), width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int NormaliseOnto<L>(TE* x, float* weight, TE* y0, TE* y, float inverse, int i, int n) where L : unmanaged, ILanes<L>
    {
        var factor = L.Of(inverse);
        for (; i + L.Count <= n; i += L.Count) TE.Store(L.MultiplyAdd(TE.Load<L>(x + i) * factor, L.Load(weight + i), TE.Load<L>(y0 + i)), y + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNormGradient(void* x, float* weight, void* dy, void* dx, int rows, int width, float epsilon)
    {
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * width;
            TE* from = (TE*)x + at, gradient = (TE*)dy + at, to = (TE*)dx + at;
            float square = 0, along = 0;
            Along<Lanes1>(from, gradient, weight, Along<TL>(from, gradient, weight, 0, width, ref square, ref along), width, ref square, ref along);
            float inverse = 1 / MathF.Sqrt(square / width + epsilon), back = along * inverse * inverse * inverse / width;
            NormGradient<Lanes1>(from, gradient, weight, to, inverse, back, NormGradient<TL>(from, gradient, weight, to, inverse, back, 0, width), width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int NormGradient<L>(TE* x, TE* dy, float* weight, TE* dx, float inverse, float back, int i, int n) where L : unmanaged, ILanes<L>
    {
        L up = L.Of(inverse), down = L.Of(-back);
        for (; i + L.Count <= n; i += L.Count) TE.Store(L.MultiplyAdd(TE.Load<L>(dy + i) * L.Load(weight + i), up, TE.Load<L>(x + i) * down), dx + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Rotate(void* x, int heads, int headSize, int half, float* cos, float* sin, bool back)
    {
        for (int h = 0; h < heads; h++)
        {
            TE* first = (TE*)x + (long)h * headSize, second = first + half;
            Turn<Lanes1>(first, second, cos, sin, back, Turn<TL>(first, second, cos, sin, back, 0, half), half);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Turn<L>(TE* first, TE* second, float* cos, float* sin, bool back, int i, int n) where L : unmanaged, ILanes<L>
    {
        var sign = L.Of(back ? -1 : 1);
        for (; i + L.Count <= n; i += L.Count)
        {
            L a = TE.Load<L>(first + i), b = TE.Load<L>(second + i), c = L.Load(cos + i), s = L.Load(sin + i) * sign;
            TE.Store(a * c - b * s, first + i);
            TE.Store(L.MultiplyAdd(a, s, b * c), second + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Dot(void* x, void* y, int count) => DotOf((TE*)x, (TE*)y, count);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotOf(TE* x, TE* y, int n)
    {
        float sum = 0;
        Dots<Lanes1>(x, y, Dots<TL>(x, y, 0, n, ref sum), n, ref sum);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Dots<L>(TE* x, TE* y, int i, int n, ref float sum) where L : unmanaged, ILanes<L>
    {
        var s = L.Of(0);
        for (; i + L.Count <= n; i += L.Count) s = L.MultiplyAdd(TE.Load<L>(x + i), TE.Load<L>(y + i), s);
        sum += L.Sum(s);
        return i;
    }
}

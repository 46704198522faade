using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>
/// Some float32 numbers side by side in one register. A kernel is written once over this and runs as AVX-512, AVX2, 128-bit or scalar code; the scalar form also
/// takes the rest of a row that fills no register, and is the twin that tests compare the others with.
/// </summary>
internal unsafe interface ILanes<T> where T : unmanaged, ILanes<T>
{
    /// <summary>Numbers in a register.</summary>
    static abstract int Count { get; }
    /// <summary>One number in all places.</summary>
    static abstract T Of(float x);
    /// <summary>Reads float32.</summary>
    static abstract T Load(float* from);
    /// <summary>Writes float32.</summary>
    static abstract void Store(T x, float* to);
    /// <summary>Reads bfloat16.</summary>
    static abstract T Widen(ushort* from);
    /// <summary>Writes bfloat16, to the nearest, ties to even; what is no number stays none.</summary>
    static abstract void Narrow(T x, ushort* to);
    /// <summary>
    /// Writes a's numbers and then b's as bfloat16, to the nearest, ties away from 0: half the work of <see cref="Narrow"/> each. What is no number stays none if its lower 16 bits are 0, as they are in what
    /// comes out of bfloat16 numbers.
    /// </summary>
    static abstract void NarrowTwo(T a, T b, ushort* to);
    /// <summary>The same, but each number of a beside its one of b, as products take two rows.</summary>
    static abstract void NarrowPairs(T a, T b, uint* to);
    /// <summary>Of pairs of bfloat16 numbers the first ones.</summary>
    static abstract T First(uint* pairs);
    /// <summary>Of pairs of bfloat16 numbers the second ones.</summary>
    static abstract T Second(uint* pairs);
    /// <summary>a + b</summary>
    static abstract T operator +(T a, T b);
    /// <summary>a - b</summary>
    static abstract T operator -(T a, T b);
    /// <summary>a · b</summary>
    static abstract T operator *(T a, T b);
    /// <summary>a / b</summary>
    static abstract T operator /(T a, T b);
    /// <summary>a·b + c, rounded once where the processor can.</summary>
    static abstract T MultiplyAdd(T a, T b, T c);
    /// <summary>The larger of each pair; b where either is no number.</summary>
    static abstract T Max(T a, T b);
    /// <summary>The smaller of each pair; b where either is no number.</summary>
    static abstract T Min(T a, T b);
    /// <summary>To the nearest whole number.</summary>
    static abstract T Round(T x);
    /// <summary>2 to the power of whole numbers from -126 to 127.</summary>
    static abstract T PowerOfTwo(T n);
    /// <summary>x times 2 to the power of n, whole numbers from -126 to 127.</summary>
    static abstract T Scaled(T x, T n);
    /// <summary>All numbers added.</summary>
    static abstract float Sum(T x);
    /// <summary>The largest number.</summary>
    static abstract float Largest(T x);
}

/// <summary>Functions over any width. Always inlined.</summary>
internal static class LaneMath
{
    /// <summary>e^x within 2 units in the last place; below -87 what is left of 1e-38; what is no number stays none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : unmanaged, ILanes<T>
    {
        x = T.Min(T.Of(88f), T.Max(T.Of(-87f), x)); // in this order what is no number stays none
        var n = T.Round(x * T.Of(1.44269504f));
        var r = T.MultiplyAdd(n, T.Of(-0.693359375f), x); // ln 2 in two parts: the first has few bits, so n times it is exact
        r = T.MultiplyAdd(n, T.Of(2.12194440e-4f), r);
        var p = T.MultiplyAdd(T.Of(1.9875691e-4f), r, T.Of(1.3981999e-3f));
        p = T.MultiplyAdd(p, r, T.Of(8.3334519e-3f));
        p = T.MultiplyAdd(p, r, T.Of(4.1665795e-2f));
        p = T.MultiplyAdd(p, r, T.Of(1.6666665e-1f));
        p = T.MultiplyAdd(p, r, T.Of(0.5f));
        return (T.MultiplyAdd(p, r * r, r) + T.Of(1f)) * T.PowerOfTwo(n);
    }

    /// <summary>2^x within 3 units in the last place, for x up to 127; below -126 what 2^-126 is; what is no number stays none. (The polynomial is the best of its degree over ±1/2 that is 1 at 0.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp2<T>(T x) where T : unmanaged, ILanes<T>
    {
        x = T.Max(T.Of(-126f), x); // in this order what is no number stays none
        var n = T.Round(x);
        var r = x - n;
        var p = T.MultiplyAdd(T.Of(1.3264727e-3f), r, T.Of(9.671513e-3f));
        p = T.MultiplyAdd(p, r, T.Of(5.5507336e-2f));
        p = T.MultiplyAdd(p, r, T.Of(2.4022242e-1f));
        p = T.MultiplyAdd(p, r, T.Of(6.93147e-1f));
        return T.Scaled(T.MultiplyAdd(p, r, T.Of(1f)), n);
    }

    /// <summary>tanh within 3e-8 of itself: the continued fraction of x / 2 cut off at 13, and tanh 2y = 2 tanh y / (1 + tanh² y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x) where T : unmanaged, ILanes<T>
    {
        var y = T.Min(T.Of(9.1f), T.Max(T.Of(-9.1f), x)) * T.Of(0.5f); // ±1 in float32 beyond; in this order what is no number stays none
        var u = y * y;
        var p = T.MultiplyAdd(T.MultiplyAdd(u + T.Of(378f), u, T.Of(17325f)), u, T.Of(135135f));
        var q = T.MultiplyAdd(T.MultiplyAdd(T.MultiplyAdd(u, T.Of(28f), T.Of(3150f)), u, T.Of(62370f)), u, T.Of(135135f));
        var t = y * p / q;
        return (t + t) / T.MultiplyAdd(t, t, T.Of(1f));
    }

    /// <summary>1 / (1 + e^-x)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : unmanaged, ILanes<T> => T.Of(1f) / (T.Of(1f) + Exp(T.Of(0f) - x));
}

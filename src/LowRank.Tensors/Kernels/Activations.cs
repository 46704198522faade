using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>A non-linearity over any width of register. Always inlined.</summary>
internal interface IActivation
{
    /// <summary>f(x).</summary>
    static abstract L Of<L>(L x) where L : unmanaged, ILanes<L>;
    /// <summary>f(x), and its slope there.</summary>
    static abstract L Of<L>(L x, out L slope) where L : unmanaged, ILanes<L>;
}

/// <summary>x·sigmoid(x)</summary>
internal readonly struct SiluActivation : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x) where L : unmanaged, ILanes<L> => x * LaneMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x, out L slope) where L : unmanaged, ILanes<L>
    {
        var s = LaneMath.Sigmoid(x);
        var value = x * s;
        slope = L.MultiplyAdd(value, L.Of(1) - s, s);
        return value;
    }
}

/// <summary>x·sigmoid(2z), z = √(2/π)·(x + 0.044715·x³)</summary>
internal readonly struct GeluTanhActivation : IActivation
{
    private const float Twice = 1.5957691216f, Cubic = 0.044715f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x) where L : unmanaged, ILanes<L> => x * LaneMath.Sigmoid(x * L.MultiplyAdd(x * x, L.Of(Cubic), L.Of(1)) * L.Of(Twice));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x, out L slope) where L : unmanaged, ILanes<L>
    {
        var square = x * x;
        var s = LaneMath.Sigmoid(x * L.MultiplyAdd(square, L.Of(Cubic), L.Of(1)) * L.Of(Twice));
        var value = x * s;
        slope = L.MultiplyAdd(value * (L.Of(1) - s), L.MultiplyAdd(square, L.Of(3 * Cubic), L.Of(1)) * L.Of(Twice), s);
        return value;
    }
}

/// <summary>x·Φ(x) = max(x, 0) - |x|·Φ(-|x|), Φ within 1e-7.</summary>
internal readonly struct GeluActivation : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x) where L : unmanaged, ILanes<L> => Of(x, out _);

    // Φ(-|x|) = e^(-x²/2)·p(t) / 2 with t = 1 / (1 + c·|x| / √2): Abramowitz and Stegun, 7.1.26.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x, out L slope) where L : unmanaged, ILanes<L>
    {
        var size = L.Max(x, L.Of(0) - x);
        var t = L.Of(1) / L.MultiplyAdd(size, L.Of(0.3275911f * 0.70710678f), L.Of(1));
        var p = L.MultiplyAdd(t, L.Of(1.061405429f), L.Of(-1.453152027f));
        p = L.MultiplyAdd(p, t, L.Of(1.421413741f));
        p = L.MultiplyAdd(p, t, L.Of(-0.284496736f));
        p = L.MultiplyAdd(p, t, L.Of(0.254829592f));
        var bell = LaneMath.Exp(x * x * L.Of(-0.5f));
        var tail = p * t * bell * L.Of(0.5f);
        var sign = x / L.Max(L.Of(1e-30f), size);
        slope = L.MultiplyAdd(x * bell, L.Of(0.39894228f), L.MultiplyAdd(L.Of(0.5f) - tail, sign, L.Of(0.5f)));
        return L.Max(L.Of(0), x) - size * tail;
    }
}

/// <summary>max(x, 0)</summary>
internal readonly struct ReluActivation : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x) where L : unmanaged, ILanes<L> => L.Max(L.Of(0), x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L Of<L>(L x, out L slope) where L : unmanaged, ILanes<L>
    {
        var value = L.Max(L.Of(0), x);
        slope = value / L.Max(L.Of(1e-30f), value); // below that it is less than 1, and so is what it is multiplied with
        return value;
    }
}

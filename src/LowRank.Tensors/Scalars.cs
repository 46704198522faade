using System.Collections.Concurrent;
using TorchSharp;

namespace LowRank.Tensors;

/// <summary>
/// Rooted constants. TorchSharp frees a <see cref="Scalar"/> when the collector finds it unused, even while native code reads it;
/// a scalar from here is never collected. Numbers that change from step to step are passed as tensors or as doubles instead.
/// </summary>
public static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> Reals = new();
    private static readonly ConcurrentDictionary<long, Scalar> Integers = new();

    /// <summary>0.0</summary>
    public static readonly Scalar Zero = Of(0.0);
    /// <summary>1.0</summary>
    public static readonly Scalar One = Of(1.0);
    /// <summary>-1.0</summary>
    public static readonly Scalar MinusOne = Of(-1.0);
    /// <summary>2.0</summary>
    public static readonly Scalar Two = Of(2.0);
    /// <summary>Minus infinity, for masks.</summary>
    public static readonly Scalar MinusInfinity = Of(double.NegativeInfinity);

    /// <summary>The rooted scalar of a real constant. For values from a small, fixed set only: each is kept for ever.</summary>
#pragma warning disable RS0030 // the one place where a Scalar is made
    public static Scalar Of(double value) => Reals.GetOrAdd(value, static v => v);

    /// <summary>The rooted scalar of an integer constant. For values from a small, fixed set only: each is kept for ever.</summary>
    public static Scalar Of(long value) => Integers.GetOrAdd(value, static v => v);
#pragma warning restore RS0030
}

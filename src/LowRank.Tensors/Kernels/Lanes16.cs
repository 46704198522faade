using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>AVX-512.</summary>
internal readonly unsafe struct Lanes16(Vector512<float> v) : ILanes<Lanes16>
{
    private readonly Vector512<float> _v = v;

    public static int Count => 16;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Of(float x) => new(Vector512.Create(x));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Load(float* from) => new(Vector512.Load(from));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Lanes16 x, float* to) => x._v.Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Widen(ushort* from) => new((Avx512F.ConvertToVector512UInt32(Vector256.Load(from)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(Lanes16 x, ushort* to)
    {
        var bits = x._v.AsUInt32();
        bits = Vector512.ConditionalSelect(Vector512.Equals(x._v, x._v).AsUInt32(), bits + Vector512.Create(0x7fffu) + ((bits >> 16) & Vector512.Create(1u)), Vector512.Create(0x7fc00000u));
        Avx512F.ConvertToVector256UInt16(bits >> 16).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NarrowTwo(Lanes16 a, Lanes16 b, ushort* to)
        => Avx512BW.PermuteVar32x16x2(Rounded(a).AsUInt16(), Odd, Rounded(b).AsUInt16()).Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NarrowPairs(Lanes16 a, Lanes16 b, uint* to) => Vector512.ConditionalSelect(Vector512.Create(0xffff0000u), Rounded(b), Rounded(a) >> 16).Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)] private static Vector512<uint> Rounded(Lanes16 x) => x._v.AsUInt32() + Vector512.Create(0x8000u);

    // Places of the upper halves of two registers' words.
    private static Vector512<ushort> Odd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create((ushort)1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 First(uint* pairs) => new((Vector512.Load(pairs) << 16).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Second(uint* pairs) => new((Vector512.Load(pairs) & Vector512.Create(0xffff0000u)).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 operator +(Lanes16 a, Lanes16 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 operator -(Lanes16 a, Lanes16 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 operator *(Lanes16 a, Lanes16 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 operator /(Lanes16 a, Lanes16 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 MultiplyAdd(Lanes16 a, Lanes16 b, Lanes16 c) => new(Vector512.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Max(Lanes16 a, Lanes16 b) => new(Vector512.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Min(Lanes16 a, Lanes16 b) => new(Vector512.MinNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Round(Lanes16 x) => new(Vector512.Round(x._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 PowerOfTwo(Lanes16 n) => new(((Vector512.ConvertToInt32Native(n._v) + Vector512.Create(127)) << 23).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes16 Scaled(Lanes16 x, Lanes16 n) => new(Avx512F.Scale(x._v, n._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static float Sum(Lanes16 x) => Vector512.Sum(x._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static float Largest(Lanes16 x) => Lanes8.Largest(new(Vector256.MaxNative(x._v.GetLower(), x._v.GetUpper())));
}

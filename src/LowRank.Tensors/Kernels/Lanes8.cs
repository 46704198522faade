using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors;

/// <summary>AVX2.</summary>
internal readonly unsafe struct Lanes8(Vector256<float> v) : ILanes<Lanes8>
{
    private readonly Vector256<float> _v = v;

    public static int Count => 8;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Of(float x) => new(Vector256.Create(x));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Load(float* from) => new(Vector256.Load(from));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Lanes8 x, float* to) => x._v.Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Widen(ushort* from) => new((Avx2.ConvertToVector256Int32(from).AsUInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(Lanes8 x, ushort* to)
    {
        var bits = x._v.AsUInt32();
        bits = Vector256.ConditionalSelect(Vector256.Equals(x._v, x._v).AsUInt32(), bits + Vector256.Create(0x7fffu) + ((bits >> 16) & Vector256.Create(1u)), Vector256.Create(0x7fc00000u));
        bits >>= 16;
        Vector128.Narrow(bits.GetLower(), bits.GetUpper()).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void NarrowTwo(Lanes8 a, Lanes8 b, ushort* to) => Vector256.Narrow(Rounded(a) >> 16, Rounded(b) >> 16).Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void NarrowPairs(Lanes8 a, Lanes8 b, uint* to) => ((Rounded(b) & Vector256.Create(0xffff0000u)) | (Rounded(a) >> 16)).Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] private static Vector256<uint> Rounded(Lanes8 x) => x._v.AsUInt32() + Vector256.Create(0x8000u);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 First(uint* pairs) => new((Vector256.Load(pairs) << 16).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Second(uint* pairs) => new((Vector256.Load(pairs) & Vector256.Create(0xffff0000u)).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 operator +(Lanes8 a, Lanes8 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 operator -(Lanes8 a, Lanes8 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 operator *(Lanes8 a, Lanes8 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 operator /(Lanes8 a, Lanes8 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 MultiplyAdd(Lanes8 a, Lanes8 b, Lanes8 c) => new(Vector256.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Max(Lanes8 a, Lanes8 b) => new(Vector256.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Min(Lanes8 a, Lanes8 b) => new(Vector256.MinNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Round(Lanes8 x) => new(Vector256.Round(x._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 PowerOfTwo(Lanes8 n) => new(((Vector256.ConvertToInt32Native(n._v) + Vector256.Create(127)) << 23).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes8 Scaled(Lanes8 x, Lanes8 n) => x * PowerOfTwo(n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static float Sum(Lanes8 x) => Vector256.Sum(x._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static float Largest(Lanes8 x) => Lanes4.Largest(new(Vector128.MaxNative(x._v.GetLower(), x._v.GetUpper())));
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LowRank.Tensors;

/// <summary>Any processor's 128-bit registers.</summary>
internal readonly unsafe struct Lanes4(Vector128<float> v) : ILanes<Lanes4>
{
    private readonly Vector128<float> _v = v;

    public static int Count => 4;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Of(float x) => new(Vector128.Create(x));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Load(float* from) => new(Vector128.Load(from));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Lanes4 x, float* to) => x._v.Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Widen(ushort* from) => new((Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(from)).AsUInt16()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow(Lanes4 x, ushort* to)
    {
        var bits = x._v.AsUInt32();
        bits = Vector128.ConditionalSelect(Vector128.Equals(x._v, x._v).AsUInt32(), bits + Vector128.Create(0x7fffu) + ((bits >> 16) & Vector128.Create(1u)), Vector128.Create(0x7fc00000u));
        Unsafe.WriteUnaligned(to, Vector128.Narrow(bits >> 16, bits >> 16).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void NarrowTwo(Lanes4 a, Lanes4 b, ushort* to) => Vector128.Narrow(Rounded(a) >> 16, Rounded(b) >> 16).Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void NarrowPairs(Lanes4 a, Lanes4 b, uint* to) => ((Rounded(b) & Vector128.Create(0xffff0000u)) | (Rounded(a) >> 16)).Store(to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] private static Vector128<uint> Rounded(Lanes4 x) => x._v.AsUInt32() + Vector128.Create(0x8000u);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 First(uint* pairs) => new((Vector128.Load(pairs) << 16).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Second(uint* pairs) => new((Vector128.Load(pairs) & Vector128.Create(0xffff0000u)).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 operator +(Lanes4 a, Lanes4 b) => new(a._v + b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 operator -(Lanes4 a, Lanes4 b) => new(a._v - b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 operator *(Lanes4 a, Lanes4 b) => new(a._v * b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 operator /(Lanes4 a, Lanes4 b) => new(a._v / b._v);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 MultiplyAdd(Lanes4 a, Lanes4 b, Lanes4 c) => new(Vector128.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Max(Lanes4 a, Lanes4 b) => new(Vector128.MaxNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Min(Lanes4 a, Lanes4 b) => new(Vector128.MinNative(a._v, b._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Round(Lanes4 x) => new(Vector128.Round(x._v));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 PowerOfTwo(Lanes4 n) => new(((Vector128.ConvertToInt32Native(n._v) + Vector128.Create(127)) << 23).AsSingle());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Lanes4 Scaled(Lanes4 x, Lanes4 n) => x * PowerOfTwo(n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static float Sum(Lanes4 x) => Vector128.Sum(x._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes4 x)
    {
        var pairs = Vector128.MaxNative(x._v, Vector128.Shuffle(x._v, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(pairs.GetElement(0), pairs.GetElement(1));
    }
}

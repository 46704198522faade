namespace LowRank.Tensors;

/// <summary>One number at a time: the rest of a row, and the twin in tests.</summary>
internal readonly unsafe struct Lanes1(float v) : ILanes<Lanes1>
{
    private readonly float _v = v;

    public static int Count => 1;
    public static Lanes1 Of(float x) => new(x);
    public static Lanes1 Load(float* from) => new(*from);
    public static void Store(Lanes1 x, float* to) => *to = x._v;
    public static Lanes1 Widen(ushort* from) => new(BitConverter.UInt32BitsToSingle((uint)*from << 16));

    public static void Narrow(Lanes1 x, ushort* to)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x._v);
        *to = float.IsNaN(x._v) ? (ushort)0x7fc0 : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    public static void NarrowTwo(Lanes1 a, Lanes1 b, ushort* to) => (to[0], to[1]) = ((ushort)(Rounded(a) >> 16), (ushort)(Rounded(b) >> 16));
    public static void NarrowPairs(Lanes1 a, Lanes1 b, uint* to) => *to = (Rounded(b) & 0xffff0000u) | (Rounded(a) >> 16);
    private static uint Rounded(Lanes1 x) => BitConverter.SingleToUInt32Bits(x._v) + 0x8000u;
    public static Lanes1 First(uint* pairs) => new(BitConverter.UInt32BitsToSingle(*pairs << 16));
    public static Lanes1 Second(uint* pairs) => new(BitConverter.UInt32BitsToSingle(*pairs & 0xffff0000u));
    public static Lanes1 operator +(Lanes1 a, Lanes1 b) => new(a._v + b._v);
    public static Lanes1 operator -(Lanes1 a, Lanes1 b) => new(a._v - b._v);
    public static Lanes1 operator *(Lanes1 a, Lanes1 b) => new(a._v * b._v);
    public static Lanes1 operator /(Lanes1 a, Lanes1 b) => new(a._v / b._v);
    public static Lanes1 MultiplyAdd(Lanes1 a, Lanes1 b, Lanes1 c) => new(float.MultiplyAddEstimate(a._v, b._v, c._v));
    public static Lanes1 Max(Lanes1 a, Lanes1 b) => new(a._v > b._v ? a._v : b._v);
    public static Lanes1 Min(Lanes1 a, Lanes1 b) => new(a._v < b._v ? a._v : b._v);
    public static Lanes1 Round(Lanes1 x) => new(MathF.Round(x._v));
    public static Lanes1 PowerOfTwo(Lanes1 n) => new(BitConverter.Int32BitsToSingle(((int)n._v + 127) << 23));
    public static Lanes1 Scaled(Lanes1 x, Lanes1 n) => x * PowerOfTwo(n);
    public static float Sum(Lanes1 x) => x._v;
    public static float Largest(Lanes1 x) => x._v;
}

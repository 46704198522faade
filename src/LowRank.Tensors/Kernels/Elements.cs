using System.Runtime.CompilerServices;

namespace LowRank.Tensors;

/// <summary>A number as it lies in memory: read and written as float32 lanes.</summary>
internal unsafe interface IElement<TE> where TE : unmanaged, IElement<TE>
{
    /// <summary>Rows that products take interleaved: the processor multiplies two neighbouring bfloat16 numbers at once.</summary>
    static abstract int Pair { get; }
    /// <summary>Reads a register full.</summary>
    static abstract L Load<L>(TE* from) where L : unmanaged, ILanes<L>;
    /// <summary>Writes a register full.</summary>
    static abstract void Store<L>(L x, TE* to) where L : unmanaged, ILanes<L>;
    /// <summary>Writes two registers full, rounded as <see cref="ILanes{T}.NarrowTwo"/> says.</summary>
    static abstract void StoreTwo<L>(L a, L b, TE* to) where L : unmanaged, ILanes<L>;
}

/// <summary>float32.</summary>
internal readonly unsafe struct F32(float value) : IElement<F32>
{
    private readonly float _value = value; // only its place counts
    public static int Pair => 1;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static L Load<L>(F32* from) where L : unmanaged, ILanes<L> => L.Load((float*)from);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store<L>(L x, F32* to) where L : unmanaged, ILanes<L> => L.Store(x, (float*)to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTwo<L>(L a, L b, F32* to) where L : unmanaged, ILanes<L>
    {
        L.Store(a, (float*)to);
        L.Store(b, (float*)to + L.Count);
    }
}

/// <summary>bfloat16.</summary>
internal readonly unsafe struct B16(ushort bits) : IElement<B16>
{
    private readonly ushort _bits = bits;
    public static int Pair => 2;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static L Load<L>(B16* from) where L : unmanaged, ILanes<L> => L.Widen((ushort*)from);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store<L>(L x, B16* to) where L : unmanaged, ILanes<L> => L.Narrow(x, (ushort*)to);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void StoreTwo<L>(L a, L b, B16* to) where L : unmanaged, ILanes<L> => L.NarrowTwo(a, b, (ushort*)to);
}

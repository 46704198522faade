using Memory = System.Runtime.InteropServices.NativeMemory;

namespace LowRank.Tensors.Tests;

/// <summary>
/// Numbers of one kind outside the collector's reach, at a place that no register's width divides, with guards on both sides: what writes beyond either end is caught when they are
/// disposed of.
/// </summary>
internal sealed unsafe class Numbers : IDisposable
{
    private const int Guard = 192;
    private const byte Mark = 0xA5;

    private readonly byte* _all;
    private readonly int _before;
    private readonly bool _wide;

    /// <summary>Zeros (or <paramref name="fill"/>); <paramref name="wide"/>: float32, else bfloat16.</summary>
    public Numbers(bool wide, int count, double fill = 0)
    {
        (_wide, Count, _before) = (wide, count, Guard + (wide ? 4 : 2));
        int bytes = _before + count * Size + Guard;
        _all = (byte*)Memory.AlignedAlloc((nuint)bytes, 64);
        new Span<byte>(_all, bytes).Fill(Mark);
        for (int i = 0; i < count; i++) this[i] = fill;
    }

    public int Count { get; }
    public int Size => _wide ? 4 : 2;
    public void* At => _all + _before;
    public float* Floats => _wide ? (float*)At : throw new InvalidOperationException("these are bfloat16");

    public double this[int i]
    {
        get
        {
            if ((uint)i >= (uint)Count) throw new ArgumentOutOfRangeException(nameof(i));
            return _wide ? ((float*)At)[i] : BitConverter.UInt32BitsToSingle((uint)((ushort*)At)[i] << 16);
        }
        set
        {
            if ((uint)i >= (uint)Count) throw new ArgumentOutOfRangeException(nameof(i));
            if (_wide) ((float*)At)[i] = (float)value;
            else ((ushort*)At)[i] = Rounded((float)value);
        }
    }

    /// <summary>Values around 0 with some exact zeros; the same for each seed.</summary>
    public static Numbers Random(bool wide, int count, int seed, double spread = 1)
    {
        var random = new Random(seed);
        Numbers numbers = new(wide, count);
        for (int i = 0; i < count; i++) numbers[i] = random.Next(16) == 0 ? 0 : (random.NextDouble() + random.NextDouble() - 1) * 2 * spread;
        return numbers;
    }

    public double[] ToArray() => [.. Enumerable.Range(0, Count).Select(i => this[i])];

    public Numbers Copy()
    {
        Numbers copy = new(_wide, Count);
        Buffer.MemoryCopy(At, copy.At, (long)Count * Size, (long)Count * Size);
        return copy;
    }

    /// <summary>To the nearest bfloat16, ties to even, found by distance: independent of the kernels.</summary>
    public static ushort Rounded(float x)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        if (float.IsNaN(x)) return (ushort)(bits >> 16 | 0x40);
        uint lower = bits >> 16, rest = bits & 0xffff;
        return (ushort)(rest > 0x8000 || (rest == 0x8000 && (lower & 1) == 1) ? lower + 1 : lower);
    }

    public void Dispose()
    {
        int end = _before + Count * Size;
        bool whole = !new Span<byte>(_all, _before).ContainsAnyExcept(Mark) && !new Span<byte>(_all + end, Guard).ContainsAnyExcept(Mark);
        Memory.AlignedFree(_all);
        if (!whole) throw new InvalidOperationException($"written beyond {Count} numbers");
    }
}

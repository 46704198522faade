using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LowRank.Tensors.Tests;

/// <summary>Every operation on a register is the scalar twin's on each of its numbers; the twin is right for all kinds of numbers.</summary>
public unsafe class LaneTests
{
    private static readonly float[] Special = [0, -0f, 1, -1, 0.5f, 1.5f, 2.5f, -2.5f, 1e-40f, -1e-40f, 3.4e38f, -3.4e38f, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, 126, -126, 88.5f, -88.5f, 1 / 3f];

    [Fact] public void Operations_of_128_bits_are_the_twin_s() => Operations<Lanes4>();

    [Fact]
    public void Operations_of_256_bits_are_the_twin_s()
    {
        Assert.SkipUnless(Avx2.IsSupported, "no AVX2");
        Operations<Lanes8>();
    }

    [Fact]
    public void Operations_of_512_bits_are_the_twin_s()
    {
        Assert.SkipUnless(Vector512.IsHardwareAccelerated && Avx512F.IsSupported, "no AVX-512");
        Operations<Lanes16>();
    }

    [Fact] public void Rounding_to_bfloat16_is_to_the_nearest_and_ties_to_even() => InAllWidths(new Rounding());

    [Fact] public void Two_registers_are_rounded_to_the_nearest_and_ties_away_from_zero() => InAllWidths(new RoundingOfTwo());

    [Fact] public void Powers_of_two_are_within_three_units_in_the_last_place() => InAllWidths(new Powers());

    [Fact] public void The_exponential_is_within_two_units_in_the_last_place() => InAllWidths(new Exponential());

    [Fact] public void Numbers_that_are_none_stay_none() => InAllWidths(new NotNumbers());

    private static void Operations<L>() where L : unmanaged, ILanes<L>
    {
        var random = new Random(1);
        float Next() => random.Next(4) == 0 ? Special[random.Next(Special.Length)] : (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-6, 7));
        for (int round = 0; round < 2000; round++)
        {
            float[] a = [.. Enumerable.Range(0, L.Count).Select(_ => Next())], b = [.. a.Select(_ => Next())], c = [.. a.Select(_ => Next())];
            ushort[] halves = MemoryMarshal.Cast<float, ushort>(a).ToArray();
            fixed (float* pa = a, pb = b, pc = c)
            {
                L x = L.Load(pa), y = L.Load(pb), z = L.Load(pc);
                Same(x + y, i => Lanes1.Of(a[i]) + Lanes1.Of(b[i]));
                Same(x - y, i => Lanes1.Of(a[i]) - Lanes1.Of(b[i]));
                Same(x * y, i => Lanes1.Of(a[i]) * Lanes1.Of(b[i]));
                Same(x / y, i => Lanes1.Of(a[i]) / Lanes1.Of(b[i]));
                Same(L.MultiplyAdd(x, y, z), i => Lanes1.MultiplyAdd(Lanes1.Of(a[i]), Lanes1.Of(b[i]), Lanes1.Of(c[i])));
                Same(L.Max(x, y), i => Lanes1.Max(Lanes1.Of(a[i]), Lanes1.Of(b[i])));
                Same(L.Min(x, y), i => Lanes1.Min(Lanes1.Of(a[i]), Lanes1.Of(b[i])));
                Same(L.Round(x), i => Lanes1.Of((float)Math.Round((double)a[i], MidpointRounding.ToEven)));
                Same(L.Of(a[0]), _ => Lanes1.Of(a[0]));
                Same(L.Widen((ushort*)pa), i => Lanes1.Of(BitConverter.UInt32BitsToSingle((uint)halves[i] << 16)));
                Same(L.First((uint*)pa), i => Lanes1.Of(BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(a[i]) << 16)));
                Same(L.Second((uint*)pa), i => Lanes1.Of(BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(a[i]) & 0xffff0000)));
                Same(LaneMath.Exp(x), i => LaneMath.Exp(Lanes1.Of(a[i])));
                Same(LaneMath.Exp2(L.Min(x, L.Of(127))), i => LaneMath.Exp2(Lanes1.Min(Lanes1.Of(a[i]), Lanes1.Of(127))));
                Same(LaneMath.Sigmoid(x), i => LaneMath.Sigmoid(Lanes1.Of(a[i])));
                Assert.Equal(a.Max(), L.Largest(x));
                double sum = a.Sum(v => (double)v), size = a.Sum(v => Math.Abs((double)v));
                if (size < 1e37) Assert.Equal(sum, L.Sum(x), size * 1e-6);
            }
            float[] whole = [.. a.Select(_ => (float)random.Next(-126, 128))];
            fixed (float* p = whole, x = a)
            {
                Same(L.PowerOfTwo(L.Load(p)), i => Lanes1.Of((float)Math.Pow(2, whole[i])));
                Same(L.Scaled(L.Load(x), L.Load(p)), i => Lanes1.Of((float)(a[i] * Math.Pow(2, whole[i]))));
            }
        }
    }

    private static void Same<L>(L got, Func<int, Lanes1> twin) where L : unmanaged, ILanes<L>
    {
        float* numbers = stackalloc float[L.Count];
        L.Store(got, numbers);
        for (int i = 0; i < L.Count; i++)
        {
            float expected = Lanes1.Sum(twin(i));
            if (float.IsNaN(expected) ? !float.IsNaN(numbers[i]) : BitConverter.SingleToUInt32Bits(expected) != BitConverter.SingleToUInt32Bits(numbers[i]) && !(expected == 0 && numbers[i] == 0))
                Assert.Fail($"{typeof(L).Name}, number {i}: {numbers[i]:r}, the twin has {expected:r}");
        }
    }

    private interface ICheck { void Run<L>() where L : unmanaged, ILanes<L>; }

    private static void InAllWidths(ICheck check)
    {
        check.Run<Lanes1>();
        check.Run<Lanes4>();
        if (Avx2.IsSupported) check.Run<Lanes8>();
        if (Vector512.IsHardwareAccelerated && Avx512F.IsSupported) check.Run<Lanes16>();
    }

    private sealed class Rounding : ICheck
    {
        // All 65,536 numbers, each with what lies around the middle to the next.
        public void Run<L>() where L : unmanaged, ILanes<L>
        {
            uint* bits = stackalloc uint[16];
            ushort* got = stackalloc ushort[16];
            foreach (uint rest in (uint[])[0, 1, 0x7fff, 0x8000, 0x8001, 0xffff])
                for (uint upper = 0; upper < 0x10000; upper += (uint)L.Count)
                {
                    for (uint i = 0; i < L.Count; i++) bits[i] = (upper + i) << 16 | rest;
                    L.Narrow(L.Load((float*)bits), got);
                    for (int i = 0; i < L.Count; i++)
                    {
                        float x = BitConverter.UInt32BitsToSingle(bits[i]), y = BitConverter.UInt32BitsToSingle((uint)got[i] << 16);
                        if (float.IsNaN(x) ? !float.IsNaN(y) : got[i] != Numbers.Rounded(x)) Assert.Fail($"{typeof(L).Name}: {bits[i]:x8} became {got[i]:x4}");
                    }
                }
        }
    }

    private sealed class RoundingOfTwo : ICheck
    {
        // All 65,536 numbers and what lies around the middle to the next; what is no number as it comes out of bfloat16.
        public void Run<L>() where L : unmanaged, ILanes<L>
        {
            uint* bits = stackalloc uint[32], pairs = stackalloc uint[16];
            ushort* got = stackalloc ushort[32];
            foreach (uint rest in (uint[])[0, 1, 0x7fff, 0x8000, 0x8001, 0xffff])
                for (uint upper = 0; upper < 0x10000; upper += 2 * (uint)L.Count)
                {
                    for (uint i = 0; i < 2 * L.Count; i++) bits[i] = (upper + i) << 16 | rest;
                    L a = L.Load((float*)bits), b = L.Load((float*)bits + L.Count);
                    L.NarrowTwo(a, b, got);
                    L.NarrowPairs(a, b, pairs);
                    for (int i = 0; i < 2 * L.Count; i++)
                    {
                        float x = BitConverter.UInt32BitsToSingle(bits[i]);
                        if (float.IsNaN(x) && rest != 0) continue;
                        uint nearest = (bits[i] >> 16) + (rest >= 0x8000 ? 1u : 0), pair = i < L.Count ? pairs[i] & 0xffff : pairs[i - L.Count] >> 16;
                        if (got[i] != nearest || pair != nearest) Assert.Fail($"{typeof(L).Name}: {bits[i]:x8} became {got[i]:x4} and {pair:x4}");
                    }
                }
        }
    }

    // From one end of a range to the other, how far a function is off in units of the last place.
    private static void CheckUnits<L>(Func<L, L> function, Func<double, double> exactly, float from, float to, double most) where L : unmanaged, ILanes<L>
    {
        float* x = stackalloc float[16], y = stackalloc float[16];
        const int many = 400_000;
        double worst = 0;
        for (int at = 0; at < many; at += L.Count)
        {
            for (int i = 0; i < L.Count; i++) x[i] = Math.Clamp(from + (to - from) * (at + i) / many, from, to);
            L.Store(function(L.Load(x)), y);
            for (int i = 0; i < L.Count; i++)
            {
                double exact = exactly(x[i]);
                worst = Math.Max(worst, Math.Abs(y[i] - exact) / (MathF.BitIncrement((float)exact) - (float)exact));
            }
        }
        Assert.True(worst <= most, $"{typeof(L).Name}: {worst} units");
    }

    private sealed class Powers : ICheck
    {
        public void Run<L>() where L : unmanaged, ILanes<L>
        {
            float* y = stackalloc float[16];
            CheckUnits<L>(LaneMath.Exp2, x => Math.Pow(2, x), -126, 127, most: 3);
            for (int n = -126; n <= 127; n++) Assert.Equal(Math.Pow(2, n), Lanes1.Sum(LaneMath.Exp2(Lanes1.Of(n))));
            foreach (float small in (float[])[-1e30f, float.NegativeInfinity, -127])
            {
                L.Store(LaneMath.Exp2(L.Of(small)), y);
                Assert.InRange(y[0], 0, 1.2e-38f);
            }
        }
    }

    private sealed class Exponential : ICheck
    {
        public void Run<L>() where L : unmanaged, ILanes<L>
        {
            float* y = stackalloc float[16];
            CheckUnits<L>(LaneMath.Exp, Math.Exp, -87, 88, most: 2);
            Assert.Equal(1f, Lanes1.Sum(LaneMath.Exp(Lanes1.Of(0))));
            L.Store(LaneMath.Exp(L.Of(-1e30f)), y);
            Assert.InRange(y[0], 0, 2e-38f);
            L.Store(LaneMath.Exp(L.Of(float.NegativeInfinity)), y);
            Assert.InRange(y[0], 0, 2e-38f);
            L.Store(LaneMath.Exp(L.Of(1e30f)), y);
            Assert.InRange(y[0], 1.6e38f, float.MaxValue);
        }
    }

    private sealed class NotNumbers : ICheck
    {
        public void Run<L>() where L : unmanaged, ILanes<L>
        {
            float* y = stackalloc float[16];
            foreach (var result in (L[])[LaneMath.Exp(L.Of(float.NaN)), LaneMath.Exp2(L.Of(float.NaN)), LaneMath.Sigmoid(L.Of(float.NaN))])
            {
                L.Store(result, y);
                for (int i = 0; i < L.Count; i++) Assert.True(float.IsNaN(y[i]), $"{typeof(L).Name}: a lost NaN became {y[i]}");
            }
        }
    }
}

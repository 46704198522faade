using System.Numerics;

namespace LowRank.Text.Templates.Printing;

/// <summary>Exact steps between doubles and integers of any size.</summary>
internal static class Fraction
{
    /// <summary>The nearest double to a / b.</summary>
    public static double ToDouble(BigInteger a, BigInteger b)
    {
        if (b.Sign < 0) (a, b) = (-a, -b);
        if (a.IsZero) return 0;
        // A quotient of 64 bits and a sticky bit below them rounds as the whole would.
        int shift = 66 - (int)(BigInteger.Abs(a).GetBitLength() - b.GetBitLength());
        shift = Math.Min(shift, 1074 + 2);
        var quotient = BigInteger.DivRem(shift >= 0 ? BigInteger.Abs(a) << shift : BigInteger.Abs(a), shift >= 0 ? b : b << -shift, out var rest);
        var value = (quotient << 1) | (rest.IsZero ? BigInteger.Zero : BigInteger.One);
        double result = Scale(value, -shift - 1);
        return a.Sign < 0 ? -result : result;
    }

    /// <summary>value · 2^exponent, rounded once.</summary>
    private static double Scale(BigInteger value, int exponent)
    {
        int drop = (int)Math.Max(value.GetBitLength() - 53, -1074 - exponent);
        if (drop > 0)
        {
            var kept = RoundShift(value, drop);
            return Math.ScaleB((double)kept, exponent + drop);
        }
        return Math.ScaleB((double)value, exponent);
    }

    /// <summary>value / 2^bits, rounded half to even.</summary>
    public static BigInteger RoundShift(BigInteger value, int bits)
    {
        var kept = value >> bits;
        var rest = value - (kept << bits);
        int order = (rest << 1).CompareTo(BigInteger.One << bits);
        return order > 0 || (order == 0 && !kept.IsEven) ? kept + 1 : kept;
    }

    /// <summary>a / b of positive numbers, rounded half to even.</summary>
    public static BigInteger RoundDivide(BigInteger a, BigInteger b)
    {
        var kept = BigInteger.DivRem(a, b, out var rest);
        int order = (rest << 1).CompareTo(b);
        return order > 0 || (order == 0 && !kept.IsEven) ? kept + 1 : kept;
    }

    /// <summary>A finite positive double as mantissa · 2^exponent.</summary>
    public static (BigInteger Mantissa, int Exponent) Parts(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7ff);
        long mantissa = bits & ((1L << 52) - 1);
        return exponent == 0 ? (mantissa, -1074) : (mantissa | (1L << 52), exponent - 1075);
    }

    /// <summary>|value| · 10^digits as an integer, rounded half to even.</summary>
    public static BigInteger Scaled(double value, int digits)
    {
        var (mantissa, exponent) = Parts(Math.Abs(value));
        var up = mantissa * (digits > 0 ? BigInteger.Pow(10, digits) : 1);
        var down = digits < 0 ? BigInteger.Pow(10, -digits) : BigInteger.One;
        return exponent >= 0 ? RoundDivide(up << exponent, down) : RoundDivide(up, down << -exponent);
    }
}

using System.Globalization;
using System.Numerics;

namespace LowRank.Text.Templates.Printing;

/// <summary>Floats as Python writes them.</summary>
internal static class FloatText
{
    /// <summary>repr: the shortest text that reads back the same.</summary>
    public static string Repr(double value)
    {
        if (!double.IsFinite(value)) return Special(value);
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        var (digits, point) = Shortest(Math.Abs(value));
        string sign = value < 0 ? "-" : "";
        if (point is > -4 and <= 16)
        {
            if (point <= 0) return sign + "0." + new string('0', -point) + digits;
            return digits.Length <= point ? sign + digits + new string('0', point - digits.Length) + ".0" : sign + digits[..point] + "." + digits[point..];
        }
        return sign + digits[0] + (digits.Length > 1 ? "." + digits[1..] : "") + Exponent(point - 1);
    }

    /// <summary>inf, -inf or nan.</summary>
    public static string Special(double value) => double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";

    /// <summary>%f of a value's size: that many digits behind the point.</summary>
    public static string Fixed(double value, int precision)
    {
        string digits = Fraction.Scaled(value, precision).ToString(CultureInfo.InvariantCulture);
        if (precision == 0) return digits;
        digits = digits.PadLeft(precision + 1, '0');
        return digits[..^precision] + "." + digits[^precision..];
    }

    /// <summary>%e of a value's size.</summary>
    public static string Scientific(double value, int precision)
    {
        var (digits, exponent) = Significant(value, precision + 1);
        return digits[0] + (precision > 0 ? "." + digits[1..] : "") + Exponent(exponent);
    }

    /// <summary>%g of a value's size; <paramref name="keepsZeros"/> is its # form, <paramref name="pointZero"/> that of a format without a type.</summary>
    public static string General(double value, int precision, bool keepsZeros, bool pointZero = false)
    {
        precision = Math.Max(precision, 1);
        var (digits, exponent) = Significant(value, precision);
        if (!keepsZeros) digits = digits.TrimEnd('0') is { Length: > 0 } kept ? kept : "0";
        // Format without a type switches to an exponent one digit earlier, so that a digit behind the point remains.
        if (exponent < -4 || exponent >= (pointZero ? precision - 1 : precision)) return digits[0] + (digits.Length > 1 ? "." + digits[1..] : "") + Exponent(exponent);
        if (exponent < 0) return "0." + new string('0', -exponent - 1) + digits;
        if (digits.Length <= exponent + 1) return digits.PadRight(exponent + 1, '0') + (pointZero ? ".0" : "");
        return digits[..(exponent + 1)] + "." + digits[(exponent + 1)..];
    }

    /// <summary>round(value, digits) as Python has it: half to even of the exact value.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || value == 0 || digits > 323) return value;
        if (digits < -308) return Math.CopySign(0, value);
        var scaled = Fraction.Scaled(value, digits);
        double rounded = digits >= 0 ? Fraction.ToDouble(scaled, BigInteger.Pow(10, digits)) : (double)(scaled * BigInteger.Pow(10, -digits));
        return Math.CopySign(rounded, value);
    }

    private static string Exponent(int exponent) => string.Create(CultureInfo.InvariantCulture, $"e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");

    /// <summary>That many digits of a value's size, and the exponent of the first.</summary>
    private static (string Digits, int Exponent) Significant(double value, int count)
    {
        if (value == 0) return (new string('0', count), 0);
        int exponent = Shortest(Math.Abs(value)).Point - 1;
        string digits = Fraction.Scaled(value, count - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        return digits.Length > count ? (digits[..count], exponent + 1) : (digits, exponent);
    }

    /// <summary>The shortest digits, and where the point lies behind the first of them.</summary>
    private static (string Digits, int Point) Shortest(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        string mantissa = mark < 0 ? text : text[..mark], all = mantissa.Replace(".", "", StringComparison.Ordinal), digits = all.TrimStart('0');
        int point = mantissa.IndexOf('.', StringComparison.Ordinal) is >= 0 and var p ? p : mantissa.Length;
        int exponent = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return (digits.TrimEnd('0'), point - (all.Length - digits.Length) + exponent);
    }
}

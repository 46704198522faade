using System.Globalization;
using System.Numerics;

namespace LowRank.Text.Templates.Printing;

/// <summary>How a number is written, for both of Python's ways to format.</summary>
internal sealed record NumberSpec
{
    /// <summary>Whether zeros fill the width between sign and digits.</summary>
    public bool Zero { get; init; }
    /// <summary>The # form: 0x and its like, a point and zeros that could be left out.</summary>
    public bool Alternate { get; init; }
    /// <summary>What stands before positive numbers: '+', ' ' or nothing ('-').</summary>
    public char Sign { get; init; } = '-';
    public int? Precision { get; init; }
    public int Width { get; init; }
    /// <summary>What stands between groups of digits; none where it is zero.</summary>
    public char Grouping { get; init; }
    /// <summary>In % formatting an integer's precision is its least number of digits.</summary>
    public bool Legacy { get; init; } = true;

    /// <summary>An integer as d, x, X, o or b.</summary>
    public string Integer(BigInteger number, char type)
    {
        var size = BigInteger.Abs(number);
        string digits = type switch { 'x' => Radix(size, 4), 'X' => Radix(size, 4).ToUpperInvariant(), 'o' => Radix(size, 3), 'b' => Radix(size, 1), _ => PythonText.Integer(size) };
        if (Legacy && Precision is { } least) digits = digits.PadLeft(least, '0');
        string prefix = Alternate && type != 'd' ? "0" + type : "";
        return Put(number.Sign < 0, prefix, digits, "", type == 'd' ? 3 : 4);
    }

    /// <summary>A float as e, f, g (and their capitals), % or, where the type is zero, a format without one.</summary>
    public string Float(double value, char type)
    {
        bool negative = double.IsNegative(value) && !double.IsNaN(value);
        char kind = char.ToLowerInvariant(type);
        string digits;
        if (!double.IsFinite(value)) digits = FloatText.Special(Math.Abs(value)) + (kind == '%' ? "%" : "");
        else
        {
            value = Math.Abs(value);
            int precision = Precision ?? 6;
            digits = kind switch
            {
                'e' => FloatText.Scientific(value, precision),
                'f' => FloatText.Fixed(value, precision),
                '%' => FloatText.Fixed(value * 100, precision) + "%",
                'g' => FloatText.General(value, precision, Alternate),
                _ => Precision is null ? FloatText.Repr(value) : FloatText.General(value, precision, Alternate, pointZero: true),
            };
            if (Alternate && !digits.Contains('.')) digits = digits.AsSpan().IndexOfAny('e', '%') is >= 0 and var e ? digits.Insert(e, ".") : digits + ".";
        }
        if (char.IsAsciiLetterUpper(type)) digits = digits.ToUpperInvariant();
        int whole = 0;
        while (whole < digits.Length && char.IsAsciiDigit(digits[whole])) whole++;
        return Put(negative, "", digits[..whole], digits[whole..], 3);
    }

    private string Put(bool negative, string prefix, string digits, string rest, int group)
    {
        string sign = negative ? "-" : Sign == '-' ? "" : Sign.ToString();
        int room = Zero ? Width - sign.Length - prefix.Length - rest.Length : 0;
        if (Grouping != 0 && digits.Length > 0) digits = Group(digits, group, room);
        return sign + prefix + digits.PadLeft(Math.Max(room, 0), '0') + rest;
    }

    /// <summary>Puts separators in, first adding zeros until the room is full.</summary>
    private string Group(string digits, int size, int room)
    {
        int count = digits.Length;
        while (count + ((count - 1) / size) < room) count++;
        digits = digits.PadLeft(count, '0');
        var text = new System.Text.StringBuilder(count * 2);
        for (int i = 0; i < digits.Length; i++)
        {
            if (i > 0 && (digits.Length - i) % size == 0) text.Append(Grouping);
            text.Append(digits[i]);
        }
        return text.ToString();
    }

    private static string Radix(BigInteger size, int bits)
    {
        if (bits == 4) return size.ToString("x", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } hex ? hex : "0";
        if (size.IsZero) return "0";
        var text = new System.Text.StringBuilder();
        int count = (int)((size.GetBitLength() + bits - 1) / bits);
        for (int i = count - 1; i >= 0; i--) text.Append((char)('0' + (int)((size >> (i * bits)) & ((1 << bits) - 1))));
        return text.ToString();
    }
}

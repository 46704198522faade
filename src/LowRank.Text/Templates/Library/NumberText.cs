using System.Globalization;
using System.Numerics;
using System.Text;

namespace LowRank.Text.Templates.Library;

/// <summary>Numbers out of text, as Python's int() and float() read them.</summary>
internal static class NumberText
{
    /// <summary>int(text, radix); null where it is none.</summary>
    public static BigInteger? Integer(string text, int radix)
    {
        if (radix is not (0 or (>= 2 and <= 36))) return null;
        var digits = Plain(text).AsSpan();
        bool negative = digits.Length > 0 && digits[0] == '-';
        if (digits.Length > 0 && digits[0] is '+' or '-') digits = digits[1..];
        int marked = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        bool underlined = false;
        if (marked != 0 && (radix == 0 || radix == marked))
        {
            digits = digits[2..];
            underlined = digits.Length > 0 && digits[0] == '_';
            if (underlined) digits = digits[1..];
            radix = marked;
        }
        else if (radix == 0)
        {
            if (digits.Length > 1 && digits[0] == '0' && digits.IndexOfAnyExcept('0', '_') >= 0) return null;
            radix = 10;
        }
        string? pure = WithoutUnderlines(digits, c => Digit(c) < radix);
        if (pure is null || pure.Length > TemplateLimits.IntegerDigits) return null;
        var value = BigInteger.Zero;
        if (radix == 10) value = BigInteger.Parse(pure, CultureInfo.InvariantCulture);
        else foreach (char c in pure) value = (value * radix) + Digit(c);
        return negative ? -value : value;
    }

    /// <summary>float(text); null where it is none.</summary>
    public static double? Float(string text)
    {
        string plain = Plain(text);
        string name = plain.TrimStart('+', '-').ToLowerInvariant();
        if (plain.Length - name.Length > 1) return null;
        double sign = plain.StartsWith('-') ? -1 : 1;
        if (name is "inf" or "infinity") return sign * double.PositiveInfinity;
        if (name == "nan") return double.NaN;
        string? pure = WithoutUnderlines(name, c => char.IsAsciiDigit(c) || c is '.' or 'e' or '+' or '-');
        if (pure is null || !(char.IsAsciiDigit(pure[0]) || (pure[0] == '.' && pure.Length > 1 && char.IsAsciiDigit(pure[1])))) return null;
        return double.TryParse(pure, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value) ? sign * value : null;
    }

    /// <summary>Without blanks around it, digits of all scripts as ASCII's.</summary>
    private static string Plain(string text)
    {
        text = StringMethods.Strip(text, null, true, true);
        if (Ascii.IsValid(text)) return text;
        return string.Concat(text.EnumerateRunes().Select(r => r.Value > 127 && PythonCase.IsDecimal(r) ? Rune.GetNumericValue(r).ToString(CultureInfo.InvariantCulture) : r.ToString()));
    }

    /// <summary>Takes single underlines between digits out; null where anything else is wrong.</summary>
    private static string? WithoutUnderlines(ReadOnlySpan<char> text, Func<char, bool> fits)
    {
        if (text.IsEmpty) return null;
        var pure = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '_')
            {
                if (i == 0 || i == text.Length - 1 || !char.IsAsciiLetterOrDigit(text[i - 1]) || !char.IsAsciiLetterOrDigit(text[i + 1])) return null;
            }
            else if (fits(text[i])) pure.Append(text[i]);
            else return null;
        }
        return pure.ToString();
    }

    private static int Digit(char c) => char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 99;
}

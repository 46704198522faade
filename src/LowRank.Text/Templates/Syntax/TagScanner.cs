using System.Globalization;
using System.Numerics;

namespace LowRank.Text.Templates.Syntax;

/// <summary>Numbers and operators within a tag.</summary>
internal static class TagScanner
{
    private static readonly string[] Operators = ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    /// <summary>The longest operator that a text begins with.</summary>
    public static string? Operator(ReadOnlySpan<char> text)
    {
        foreach (string op in Operators)
            if (text.StartsWith(op)) return op;
        return null;
    }

    /// <summary>Reads a number, if one begins here.</summary>
    public static bool TryNumber(string text, ref int at, out Token token)
    {
        int start = at;
        token = default;
        if (!char.IsAsciiDigit(text[at])) return false;
        int end = Float(text, at);
        if (end > 0)
        {
            at = end;
            token = new(TokenKind.Float, Plain(text, start, end), start);
            return true;
        }
        end = Integer(text, at);
        if (end == 0) return false;
        at = end;
        token = new(TokenKind.Integer, Plain(text, start, end).ToLowerInvariant(), start);
        return true;
    }

    /// <summary>The value of an integer's text as <see cref="TryNumber"/> gives it.</summary>
    public static BigInteger IntegerOf(string text)
    {
        int radix = text.Length > 1 && text[0] == '0' ? text[1] switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (radix == 10) return BigInteger.Parse(text, CultureInfo.InvariantCulture);
        var value = BigInteger.Zero;
        foreach (char c in text.AsSpan(2)) value = (value * radix) + Convert.ToInt32(c.ToString(), 16);
        return value;
    }

    private static string Plain(string text, int start, int end) => text[start..end].Replace("_", "", StringComparison.Ordinal);

    /// <summary>Where a float ends; 0 where it is none. Behind a dot only an integer can stand.</summary>
    private static int Float(string text, int at)
    {
        if (at > 0 && text[at - 1] == '.') return 0;
        int end = Digits(text, at), mark = end;
        if (end < text.Length && text[end] == '.' && Digits(text, end + 1) is var fraction && fraction > end + 1) mark = fraction;
        if (mark < text.Length && text[mark] is 'e' or 'E')
        {
            int exponent = mark + 1 < text.Length && text[mark + 1] is '+' or '-' ? mark + 2 : mark + 1;
            if (Digits(text, exponent) is var last && last > exponent) return last;
        }
        return mark > end ? mark : 0;
    }

    private static int Digits(string text, int at, Func<char, bool>? isDigit = null)
    {
        isDigit ??= char.IsAsciiDigit;
        int end = at;
        while (end < text.Length && (isDigit(text[end]) || (text[end] == '_' && end > at && end + 1 < text.Length && text[end - 1] != '_' && isDigit(text[end + 1])))) end++;
        return end;
    }

    private static int Integer(string text, int at)
    {
        if (text[at] != '0') return Digits(text, at);
        if (at + 1 < text.Length)
        {
            Func<char, bool>? digits = char.ToLowerInvariant(text[at + 1]) switch { 'x' => char.IsAsciiHexDigit, 'o' => c => c is >= '0' and <= '7', 'b' => c => c is '0' or '1', _ => null };
            int first = at + 2 < text.Length && text[at + 2] == '_' ? at + 3 : at + 2;
            if (digits is not null && Digits(text, first, digits) is var end && end > first) return end;
        }
        return Digits(text, at, c => c == '0');
    }
}

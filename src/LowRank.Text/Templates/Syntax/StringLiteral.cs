using System.Globalization;
using System.Text;

namespace LowRank.Text.Templates.Syntax;

/// <summary>Strings within a tag, with Python's escapes.</summary>
internal static class StringLiteral
{
    private const string Letters = "\\'\"abfnrtv", Meanings = "\\'\"\a\b\f\n\r\t\v";

    /// <summary>Reads the string that begins here.</summary>
    public static Token Read(Source source, ref int at)
    {
        string text = source.Text;
        int start = at;
        char quote = text[at++];
        int end = at;
        while (end < text.Length && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
        if (end >= text.Length) throw source.Error($"unexpected char {Printing.PythonText.Repr(quote.ToString())} at {start}", start);
        var raw = text.AsSpan(at, end - at);
        at = end + 1;
        return new(TokenKind.String, raw.Contains('\\') ? Unescape(raw, source, start) : raw.ToString(), start);
    }

    private static string Unescape(ReadOnlySpan<char> raw, Source source, int start)
    {
        var value = new StringBuilder(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                value.Append(raw[i]);
                continue;
            }
            char c = raw[++i];
            int simple = Letters.IndexOf(c, StringComparison.Ordinal), digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (c is >= '0' and <= '7') i = Octal(raw, i, value);
            else if (digits > 0)
            {
                if (i + digits >= raw.Length || !int.TryParse(raw.Slice(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) || code is < 0 or > 0x10ffff)
                    throw source.Error($"(unicode error) 'unicodeescape' codec can't decode the escape \\{c}", start);
                Append(value, code);
                i += digits;
            }
            else if (c == 'N') throw source.Error("(unicode error) character names are not known", start);
            else if (simple >= 0) value.Append(Meanings[simple]);
            else if (c == '\n') continue;
            else value.Append('\\').Append(c);
        }
        return value.ToString();
    }

    private static int Octal(ReadOnlySpan<char> raw, int i, StringBuilder value)
    {
        int code = 0, end = Math.Min(raw.Length, i + 3);
        for (; i < end && raw[i] is >= '0' and <= '7'; i++) code = (code * 8) + (raw[i] - '0');
        Append(value, code);
        return i - 1;
    }

    private static void Append(StringBuilder value, int code)
    {
        if (code is >= 0xd800 and < 0xe000 or < 0x10000) value.Append((char)code);
        else value.Append(char.ConvertFromUtf32(code));
    }
}

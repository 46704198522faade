using System.Globalization;
using System.Text;

namespace LowRank.Text.Templates.Printing;

/// <summary>What Python says of a character where .NET says another thing.</summary>
internal static class PythonChar
{
    /// <summary>str.isspace for one code unit (no blank lies beyond the first plane).</summary>
    public static bool IsSpace(char c) => c is (>= '\t' and <= '\r') or (>= '\x1c' and <= ' ') or '\x85' or '\xa0' || (c >= 0x1680 && (c is '\u1680' or (>= '\u2000' and <= '\u200a') or '\u2028' or '\u2029' or '\u202f' or '\u205f' or '\u3000'));

    /// <summary>Whether str.splitlines breaks at it.</summary>
    public static bool IsLineBreak(char c) => c is (>= '\n' and <= '\r') or (>= '\x1c' and <= '\x1e') or '\x85' or '\u2028' or '\u2029';

    /// <summary>Whether repr shows it as it is.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>Whether \w matches at a place.</summary>
    public static bool IsWord(string text, int at)
    {
        char c = text[at];
        if (c < 128) return char.IsAsciiLetterOrDigit(c) || c == '_';
        return CharUnicodeInfo.GetUnicodeCategory(text, at) is <= UnicodeCategory.OtherLetter or (>= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber);
    }

    /// <summary>str.isidentifier</summary>
    public static bool IsIdentifier(string name)
    {
        bool first = true;
        foreach (var rune in name.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            bool starts = rune.Value == '_' || category is <= UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber;
            if (!starts && (first || category is not (UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation))) return false;
            first = false;
        }
        return !first;
    }
}

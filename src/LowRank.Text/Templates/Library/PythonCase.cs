using System.Globalization;
using System.Text;

namespace LowRank.Text.Templates.Library;

/// <summary>str.isupper and its like.</summary>
internal static class PythonCase
{
    private static readonly (int From, int To)[] OtherLower = Ranges(CasingTables.OtherLower), OtherUpper = Ranges(CasingTables.OtherUpper);

    public static bool IsAlpha(Rune rune) => Rune.GetUnicodeCategory(rune) <= UnicodeCategory.OtherLetter;
    public static bool IsDecimal(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber;
    public static bool IsDigit(Rune rune) => CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0;
    public static bool IsNumeric(Rune rune) => CharUnicodeInfo.GetNumericValue(rune.ToString(), 0) != -1;
    public static bool IsAlnum(Rune rune) => IsAlpha(rune) || IsNumeric(rune);
    public static bool IsUpper(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.UppercaseLetter || Has(OtherUpper, rune.Value);
    public static bool IsLower(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.LowercaseLetter || Has(OtherLower, rune.Value);
    public static bool IsCased(Rune rune) => IsUpper(rune) || IsLower(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    /// <summary>Whether some character has a case and all that have one are upper.</summary>
    public static bool IsUpper(string text) => Only(text, IsUpper);

    /// <summary>Whether some character has a case and all that have one are lower.</summary>
    public static bool IsLower(string text) => Only(text, IsLower);

    /// <summary>Whether every word begins with a capital and goes on without.</summary>
    public static bool IsTitle(string text)
    {
        bool inWord = false, any = false;
        foreach (var rune in text.EnumerateRunes())
        {
            bool capital = IsUpper(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter, small = !capital && IsLower(rune);
            if ((capital && inWord) || (small && !inWord)) return false;
            inWord = capital || small;
            any |= inWord;
        }
        return any;
    }

    private static bool Only(string text, Func<Rune, bool> fits)
    {
        bool any = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (fits(rune)) any = true;
            else if (IsCased(rune)) return false;
        }
        return any;
    }

    private static bool Has((int From, int To)[] ranges, int c) => c >= ranges[0].From && Array.Exists(ranges, r => c >= r.From && c <= r.To);

    private static (int, int)[] Ranges(string table) => [.. table.Split(' ').Select(r => r.Split('-').Select(n => int.Parse(n, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray()).Select(r => (r[0], r[^1]))];
}

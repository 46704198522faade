using System.Globalization;
using System.Text;

namespace LowRank.Training;

/// <summary>How BLEU cuts texts into tokens: sacrebleu's 13a, intl, char and none.</summary>
internal static class BleuTokenizers
{
    public static readonly IReadOnlyDictionary<string, Func<string, string[]>> Table = new Dictionary<string, Func<string, string[]>>
    {
        ["13a"] = Mteval13a,
        ["intl"] = International,
        ["char"] = static text => [.. text.EnumerateRunes().Where(r => !Rune.IsWhiteSpace(r)).Select(r => r.ToString())],
        ["none"] = Words,
    };

    private static string[] Mteval13a(string text)
    {
        text = text.Replace("<skipped>", "").Replace("-\n", "").Replace('\n', ' ')
            .Replace("&quot;", "\"").Replace("&amp;", "&").Replace("&lt;", "<").Replace("&gt;", ">");
        Rune[] runes = [.. $" {text} ".EnumerateRunes()];
        runes = Around(runes, IsSymbol13a);
        runes = Between(runes, r => !IsDigit(r), IsPoint, before: false, after: true);
        runes = Between(runes, IsPoint, r => !IsDigit(r), before: true, after: false);
        runes = Between(runes, IsDigit, r => r.Value == '-', before: false, after: true);
        return Words(runes);
    }

    private static string[] International(string text)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        runes = Between(runes, r => !IsNumber(r), Rune.IsPunctuation, before: false, after: true);
        runes = Between(runes, Rune.IsPunctuation, r => !IsNumber(r), before: true, after: false);
        return Words(Around(runes, Rune.IsSymbol));
    }

    /// <summary>Puts blanks around the characters that match.</summary>
    private static Rune[] Around(Rune[] text, Func<Rune, bool> matches)
        => [.. text.SelectMany(r => matches(r) ? [Blank, r, Blank] : new[] { r })];

    /// <summary>Puts a blank between two neighbours that match, and before or after both; a character belongs to one pair only, left to right.</summary>
    private static Rune[] Between(Rune[] text, Func<Rune, bool> first, Func<Rune, bool> second, bool before, bool after)
    {
        var result = new List<Rune>(text.Length * 2);
        for (int i = 0; i < text.Length; i++)
        {
            if (i + 1 == text.Length || !first(text[i]) || !second(text[i + 1]))
            {
                result.Add(text[i]);
                continue;
            }
            if (before) result.Add(Blank);
            result.AddRange([text[i], Blank, text[i + 1]]);
            if (after) result.Add(Blank);
            i++;
        }
        return [.. result];
    }

    private static readonly Rune Blank = new(' ');

    private static string[] Words(Rune[] runes) => Words(string.Concat(runes));

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static bool IsDigit(Rune r) => r.Value is >= '0' and <= '9';

    private static bool IsPoint(Rune r) => r.Value is '.' or ',';

    private static bool IsNumber(Rune r) => Rune.GetUnicodeCategory(r) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsSymbol13a(Rune r) => r.Value is (>= '{' and <= '~') or (>= '[' and <= '`') or (>= ' ' and <= '&') or (>= '(' and <= '+') or (>= ':' and <= '@') or '/';
}

using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace LowRank.Text.Templates.Library;

/// <summary>Upper, lower and title case as Python has them, by Unicode's full mappings.</summary>
internal static class Casing
{
    private static readonly FrozenDictionary<int, string> UpperOf = Pairs(CasingTables.Upper), TitleOf = Pairs(CasingTables.Title), FoldOf = Pairs(CasingTables.Fold);

    public static string Upper(string text) => Ascii.IsValid(text) ? text.ToUpperInvariant() : Map(text, static (b, r, _) => AppendUpper(b, r));

    public static string Lower(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Map(text, (b, r, i) => AppendLower(b, r, text, i));

    public static string Fold(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Map(text, static (b, r, _) => AppendFold(b, r));

    /// <summary>The first character in title case, the rest in lower case.</summary>
    public static string Capitalize(string text) => Map(text, (b, r, i) =>
    {
        if (i == 0) AppendTitle(b, r);
        else AppendLower(b, r, text, i);
    });

    /// <summary>Title case behind everything that has no case.</summary>
    public static string Title(string text)
    {
        bool inWord = false;
        return Map(text, (b, r, i) =>
        {
            if (inWord) AppendLower(b, r, text, i);
            else AppendTitle(b, r);
            inWord = PythonCase.IsCased(r);
        });
    }

    public static string Swap(string text) => Map(text, (b, r, i) =>
    {
        if (PythonCase.IsUpper(r)) AppendLower(b, r, text, i);
        else if (PythonCase.IsLower(r)) AppendUpper(b, r);
        else b.Append(r.ToString());
    });

    private static string Map(string text, Action<StringBuilder, Rune, int> append)
    {
        var mapped = new StringBuilder(text.Length + 4);
        int at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            append(mapped, rune, at);
            at += rune.Utf16SequenceLength;
        }
        return mapped.ToString();
    }

    private static void AppendUpper(StringBuilder b, Rune rune) => b.Append(UpperOf.TryGetValue(rune.Value, out string? special) ? special : Rune.ToUpperInvariant(rune).ToString());

    private static void AppendTitle(StringBuilder b, Rune rune)
    {
        if (TitleOf.TryGetValue(rune.Value, out string? special)) b.Append(special);
        else if (rune.Value is >= 0x10d0 and <= 0x10ff) b.Append(rune.ToString()); // Georgian has upper case, but no titles
        else AppendUpper(b, rune);
    }

    private static void AppendLower(StringBuilder b, Rune rune, string text, int at)
    {
        if (rune.Value == 0x130) b.Append("i\u0307");
        else if (rune.Value == 0x3a3) b.Append(IsFinalSigma(text, at) ? '\u03c2' : '\u03c3');
        else b.Append(Rune.ToLowerInvariant(rune).ToString());
    }

    private static void AppendFold(StringBuilder b, Rune rune)
    {
        if (FoldOf.TryGetValue(rune.Value, out string? special)) b.Append(special);
        else if (rune.Value is >= 0x13a0 and <= 0x13f5) b.Append(rune.ToString()); // Cherokee folds to upper case
        else if (rune.Value is (>= 0x13f8 and <= 0x13fd) or (>= 0xab70 and <= 0xabbf)) b.Append(Rune.ToUpperInvariant(rune).ToString());
        else if (rune.Value == 0x130) b.Append("i\u0307");
        else b.Append(Rune.ToLowerInvariant(rune).ToString());
    }

    /// <summary>Whether a sigma ends a word: a letter before it, none behind, marks left out.</summary>
    private static bool IsFinalSigma(string text, int at)
    {
        int before = at - 1, behind = at + 1;
        while (before >= 0 && IsIgnorable(text, before)) before--;
        while (behind < text.Length && IsIgnorable(text, behind)) behind++;
        return before >= 0 && IsCasedAt(text, char.IsLowSurrogate(text[before]) && before > 0 ? before - 1 : before) && !(behind < text.Length && IsCasedAt(text, behind));
    }

    private static bool IsCasedAt(string text, int at) => Rune.TryGetRuneAt(text, at, out var rune) && PythonCase.IsCased(rune);

    private static bool IsIgnorable(string text, int at)
        => text[at] is '\'' or '.' or ':' or '^' or '`' or '\u00a8' or '\u00ad' or '\u00af' or '\u00b4' or '\u00b7' or '\u00b8' or '\u2018' or '\u2019' or '\u2024' or '\u2027'
            || CharUnicodeInfo.GetUnicodeCategory(text, at) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static FrozenDictionary<int, string> Pairs(string table)
        => table.Split(' ').Select(p => p.Split('=')).ToFrozenDictionary(p => char.ConvertToUtf32(p[0], 0), p => p[1]);
}

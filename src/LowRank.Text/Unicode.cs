using System.Globalization;
using System.Text;

namespace LowRank.Text;

/// <summary>Questions about code points, answered as the reference's regular expressions answer them.</summary>
internal static class Unicode
{
    private const byte LetterBit = 1, NumberBit = 2, SpaceBit = 4;
    private static readonly byte[] Bmp = MakeBmp();

    /// <summary>`\p{L}`.</summary>
    public static bool IsLetter(int c) => (Kind(c) & LetterBit) != 0;
    /// <summary>`\p{N}`: also fractions, Roman numerals, circled digits.</summary>
    public static bool IsNumber(int c) => (Kind(c) & NumberBit) != 0;
    /// <summary>`\s`: the White_Space property.</summary>
    public static bool IsSpace(int c) => (Kind(c) & SpaceBit) != 0;
    /// <summary>`[^\s\p{L}\p{N}]`.</summary>
    public static bool IsOther(int c) => Kind(c) == 0;

    /// <summary>`\w`: letters, letter-like numbers and symbols, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(int c)
        => c is 0x200C or 0x200D || c is >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189 || Category(c) is
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
            or UnicodeCategory.LetterNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation;

    /// <summary>`\p{M}`.</summary>
    public static bool IsMark(int c) => c >= 0x300 && Category(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>ASCII's punctuation and symbols, and the punctuation of other scripts as the reference's table has it (Unicode 8).</summary>
    public static bool IsPunctuation(int c)
        => c < 0x80 ? char.IsPunctuation((char)c) || char.IsSymbol((char)c)
            : Category(c) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation && !Patterns.UnicodeProperties.YoungerThan8.Contains(c);

    /// <summary>The general category.</summary>
    public static UnicodeCategory Category(int c) => CharUnicodeInfo.GetUnicodeCategory(c);

    /// <summary>The code point at a place and how many units it takes; a lone surrogate counts as U+FFFD.</summary>
    public static int At(ReadOnlySpan<char> text, int i, out int length)
    {
        char c = text[i];
        length = 1;
        if (!char.IsSurrogate(c)) return c;
        if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
        {
            length = 2;
            return char.ConvertToUtf32(c, text[i + 1]);
        }
        return Rune.ReplacementChar.Value;
    }

    /// <summary>The code point that ends before a place; -1 at the start.</summary>
    public static int Before(ReadOnlySpan<char> text, int i)
        => i == 0 ? -1 : At(text, i > 1 && char.IsLowSurrogate(text[i - 1]) && char.IsHighSurrogate(text[i - 2]) ? i - 2 : i - 1, out _);

    private static byte Kind(int c) => c < 0x10000 ? Bmp[c] : KindOf(c);

    private static byte KindOf(int c) => Category(c) switch
    {
        <= UnicodeCategory.OtherLetter => LetterBit,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => NumberBit,
        _ => c < 0x10000 && char.IsWhiteSpace((char)c) ? SpaceBit : (byte)0,
    };

    private static byte[] MakeBmp()
    {
        var kinds = new byte[0x10000];
        for (int c = 0; c < kinds.Length; c++) kinds[c] = KindOf(c);
        return kinds;
    }
}

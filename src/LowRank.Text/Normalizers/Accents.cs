using System.Globalization;
using LowRank.Text.Patterns;

namespace LowRank.Text.Normalizers;

/// <summary>The marks that the reference takes off letters: two of its components ask tables of two old Unicode versions.</summary>
internal static class Accents
{
    // Characters that have become a mark, or none, since then.
    private static readonly HashSet<int> ChangedSince8 = [0x1734, 0x1885, 0x1886, 0xA9BD, 0x111C9, 0x1171E], ChangedSince9 = [0x1CF2, 0x1CF3, 0x111C9];

    /// <summary>A mark of any kind, as StripAccents sees it (Unicode 9).</summary>
    public static bool IsMark(int c) => c >= 0x300 && (Unicode.IsMark(c) != ChangedSince9.Contains(c)) && !UnicodeProperties.YoungerThan9.Contains(c);

    /// <summary>A mark that takes no room of its own, as BertNormalizer sees it (Unicode 8).</summary>
    public static bool IsNonSpacing(int c)
        => c >= 0x300 && ((Unicode.Category(c) == UnicodeCategory.NonSpacingMark) != ChangedSince8.Contains(c)) && !UnicodeProperties.YoungerThan8.Contains(c);
}

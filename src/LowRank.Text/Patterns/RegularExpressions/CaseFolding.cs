using System.Text;

namespace LowRank.Text.Patterns;

/// <summary>Which code points are one letter to an expression that ignores case. Only one for one: ß does not meet ss.</summary>
internal static class CaseFolding
{
    // Letters that fold to another one though they are not its upper or lower case in .NET's invariant tables.
    private static readonly (int From, int To)[] Others =
    [
        (0x17F, 's'), (0x212A, 'k'), (0x212B, 0xE5), (0x1E9E, 0xDF), (0xB5, 0x3BC), (0x345, 0x3B9), (0x1FBE, 0x3B9), (0x3C2, 0x3C3), (0x3D0, 0x3B2), (0x3D1, 0x3B8), (0x3F4, 0x3B8),
        (0x3D5, 0x3C6), (0x3D6, 0x3C0), (0x3F0, 0x3BA), (0x3F1, 0x3C1), (0x3F5, 0x3B5), (0x2126, 0x3C9), (0x1E9B, 0x1E61), (0x1C5, 0x1C6), (0x1C8, 0x1C9), (0x1CB, 0x1CC), (0x1F2, 0x1F3),
    ];

    private static readonly Lazy<Dictionary<int, CodePointSet>> Classes = new(MakeClasses);

    /// <summary>A set and all letters that are the same but for their case.</summary>
    public static CodePointSet Close(CodePointSet set)
    {
        if (set.Single is >= 0 and < 0x80 and int c) return Ascii(c);
        var result = set;
        foreach (var letters in Classes.Value.Values)
            if (letters.Overlaps(set)) result = result.Union(letters);
        return result;
    }

    /// <summary>The representative of a letter's class.</summary>
    public static int Fold(int c)
    {
        foreach (var (from, to) in Others)
            if (from == c) return to;
        return Rune.IsValid(c) ? Rune.ToLowerInvariant(Rune.ToUpperInvariant(new Rune(c))).Value : c;
    }

    private static CodePointSet Ascii(int c)
    {
        if (!char.IsAsciiLetter((char)c)) return CodePointSet.Of(c);
        var both = CodePointSet.Of(c | 0x20).Union(CodePointSet.Of(c & ~0x20));
        return (c | 0x20) switch { 's' => both.Union(CodePointSet.Of(0x17F)), 'k' => both.Union(CodePointSet.Of(0x212A)), _ => both };
    }

    private static Dictionary<int, CodePointSet> MakeClasses()
    {
        var classes = new Dictionary<int, CodePointSet>();
        for (int c = 0; c < 0x1EA00; c++)
        {
            int fold = Fold(c);
            if (fold != c) classes[fold] = classes.GetValueOrDefault(fold, CodePointSet.Of(fold)).Union(CodePointSet.Of(c));
        }
        return classes;
    }
}

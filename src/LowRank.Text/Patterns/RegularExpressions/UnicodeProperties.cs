using System.Collections.Concurrent;
using System.Globalization;

namespace LowRank.Text.Patterns;

/// <summary>The sets that `\p{...}` and `[:...:]` name: general categories, scripts, a few properties, POSIX classes.</summary>
internal static class UnicodeProperties
{
    private static readonly string[] Categories =
        ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn"];
    private static readonly string[] CategoryNames =
    [
        "UppercaseLetter", "LowercaseLetter", "TitlecaseLetter", "ModifierLetter", "OtherLetter", "NonspacingMark", "SpacingMark", "EnclosingMark",
        "DecimalNumber", "LetterNumber", "OtherNumber", "SpaceSeparator", "LineSeparator", "ParagraphSeparator", "Control", "Format", "Surrogate", "PrivateUse",
        "ConnectorPunctuation", "DashPunctuation", "OpenPunctuation", "ClosePunctuation", "InitialPunctuation", "FinalPunctuation", "OtherPunctuation",
        "MathSymbol", "CurrencySymbol", "ModifierSymbol", "OtherSymbol", "Unassigned",
    ];
    private static readonly Dictionary<string, string> GroupNames = new(StringComparer.OrdinalIgnoreCase)
    { ["Letter"] = "L", ["Mark"] = "M", ["Number"] = "N", ["Separator"] = "Z", ["Other"] = "C", ["Punctuation"] = "P", ["Symbol"] = "S" };

    private static readonly Dictionary<string, Func<CodePointSet>> Named = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Any"] = () => CodePointSet.All,
        ["ASCII"] = () => CodePointSet.Of(0, 0x7F),
        ["Assigned"] = () => Category("Cn").Negate(),
        ["Alpha"] = () => Get("Alphabetic"),
        ["Lower"] = () => Get("Lowercase"),
        ["Upper"] = () => Get("Uppercase"),
        ["Digit"] = () => Get("Nd"),
        ["Alnum"] = () => Get("Alphabetic").Union(Get("Nd")),
        ["Space"] = () => CodePointSet.Where(Unicode.IsSpace),
        ["WhiteSpace"] = () => Get("Space"),
        ["Blank"] = () => Get("Zs").Union(CodePointSet.Of('\t')),
        ["Cntrl"] = () => Get("C"),
        ["Punct"] = () => Get("P").Union(CodePointSet.OfRanges("$+<=>^`|~".Select(c => ((int)c, (int)c)))),
        ["Graph"] = () => Get("Space").Union(Get("Cc")).Union(Get("Cn")).Union(Get("Cs")).Negate(),
        ["Print"] = () => Get("Graph").Union(Get("Zs")),
        ["XDigit"] = () => CodePointSet.OfRanges([('0', '9'), ('A', 'F'), ('a', 'f')]),
        ["Word"] = () => Get("Alphabetic").Union(Get("M")).Union(Get("Nd")).Union(Get("Pc")),
    };

    private static readonly ConcurrentDictionary<string, CodePointSet?> Known = new(StringComparer.OrdinalIgnoreCase);
    private static readonly Lazy<Dictionary<string, string>> File = new(ReadFile);

    /// <summary>The characters that Unicode 8, whose categories some of the reference's components use, does not know.</summary>
    public static CodePointSet YoungerThan8 => Younger("Unicode8");

    /// <summary>The characters that Unicode 9 does not know.</summary>
    public static CodePointSet YoungerThan9 => Younger("Unicode9");

    /// <summary>
    /// `\w` that stands alone, and what `\b` looks at: the reference's engine asks another table for the first 256 characters there, which has superscript digits and fractions too;
    /// inside a class it does not.
    /// </summary>
    public static CodePointSet WordAlone => Alone.Value;

    private static readonly Lazy<CodePointSet> Alone = new(() => Get("Word").Union(CodePointSet.OfRanges("\u00B2\u00B3\u00B9\u00BC\u00BD\u00BE".Select(c => ((int)c, (int)c)))));

    /// <summary>A set that certainly exists.</summary>
    public static CodePointSet Get(string name) => Find(name) ?? throw new ArgumentException(name);

    /// <summary>The set of a name, in any case, with or without blanks, hyphens and underscores; null where there is none.</summary>
    public static CodePointSet? Find(string name)
    {
        string plain = string.Concat(name.Where(c => c is not (' ' or '-' or '_')));
        return Known.TryGetValue(plain, out var set) ? set : Keep(plain, Make(plain));
    }

    /// <summary>The number of a code point's script, as the reference's table has it (Unicode 9): 0 for characters that it does not know.</summary>
    public static byte[] ScriptTable()
    {
        var table = new byte[CodePointSet.End];
        byte next = 1;
        foreach (string key in File.Value.Keys.Where(k => k.StartsWith("script ", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            Fill(table, Ranges(File.Value[key]), next++);
        Fill(table, Ranges(File.Value["younger Unicode9"]), 0);
        // Characters that were of another script then.
        foreach (var (key, ranges) in File.Value.Where(f => f.Key.StartsWith("older ", StringComparison.Ordinal)))
        {
            byte script = table[Ranges(File.Value.First(f => f.Key.StartsWith("script " + key[6..], StringComparison.Ordinal)).Value).First().First];
            Fill(table, Ranges(ranges), script);
        }
        return table;
    }


    private static CodePointSet Younger(string version)
        => Known.TryGetValue(version, out var young) ? young! : Keep(version, CodePointSet.OfRanges(Ranges(File.Value["younger " + version])))!;

    // Only names that mean something are kept: a hostile file must not fill the memory with others.
    private static CodePointSet? Keep(string name, CodePointSet? set)
    {
        if (set is not null) Known[name] = set;
        return set;
    }

    private static CodePointSet? Make(string name)
    {
        if (Named.TryGetValue(name, out var make)) return make();
        int category = Array.FindIndex(Categories, c => c.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (category < 0) category = Array.FindIndex(CategoryNames, c => c.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (category >= 0) return Category(Categories[category]);
        string group = GroupNames.GetValueOrDefault(name, name).ToUpperInvariant();
        if (group.Length == 1 && "LMNZCPS".Contains(group[0], StringComparison.Ordinal))
            return Categories.Where(c => c[0] == group[0]).Select(Category).Aggregate((a, b) => a.Union(b));
        if (group == "LC") return Category("Lu").Union(Category("Ll")).Union(Category("Lt"));
        foreach (var (key, ranges) in File.Value.Where(f => f.Key.StartsWith("script ", StringComparison.Ordinal) || f.Key.StartsWith("property ", StringComparison.Ordinal)))
            foreach (string alias in key[(key.IndexOf(' ', StringComparison.Ordinal) + 1)..].Split('|'))
                if (alias.Equals(name, StringComparison.OrdinalIgnoreCase)) return CodePointSet.OfRanges(Ranges(ranges));
        return null;
    }

    private static CodePointSet Category(string name)
    {
        var category = (UnicodeCategory)Array.IndexOf(Categories, name);
        return Known.TryGetValue(name, out var set) ? set! : Keep(name, CodePointSet.Where(c => Unicode.Category(c) == category))!;
    }

    private static void Fill(byte[] table, IEnumerable<(int First, int Last)> ranges, byte value)
    {
        foreach (var (first, last) in ranges) table.AsSpan(first, last - first + 1).Fill(value);
    }

    private static IEnumerable<(int First, int Last)> Ranges(string text)
        => text.Split(' ').Select(r => r.Split('-')).Select(r => (Hex(r[0]), Hex(r[^1])));

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    // Each line: kind, name|alias, ranges in hex. Names lose their underscores here.
    private static Dictionary<string, string> ReadFile()
    {
        using var reader = new StreamReader(typeof(UnicodeProperties).Assembly.GetManifestResourceStream("unicode-properties.txt")!);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ', 3))
            .ToDictionary(l => $"{l[0]} {l[1].Replace("_", "", StringComparison.Ordinal)}", l => l[2], StringComparer.Ordinal);
    }
}

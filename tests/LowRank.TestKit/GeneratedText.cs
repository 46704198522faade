using System.Globalization;
using System.Text;

namespace LowRank.TestKit;

/// <summary>Texts made to trip tokenizers: every script, blanks of all kinds, marks, digits, contractions, code, and what a vocabulary itself holds. Text i of a seed is always the same.</summary>
public sealed class GeneratedText(int seed, IReadOnlyList<string> vocabulary)
{
    private static readonly (int From, int To)[] Blocks =
    [
        (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x2B0, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
        (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F), (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2600, 0x27BF), (0x3000, 0x30FF), (0x3130, 0x318F), (0x3200, 0x33FF),
        (0x4E00, 0x4FFF), (0xAC00, 0xAD00), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE2F), (0xFE70, 0xFEFF), (0xFF00, 0xFFEF), (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F100, 0x1F1FF),
        (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF), (0x20000, 0x20100), (0x2F800, 0x2F8FF), (0xE0000, 0xE007F), (0x1, 0x10FFFF),
    ];

    private static readonly string[] Scraps =
    [
        " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u00A0", "\u2003", "\u3000", "\u200B", "\u200D", "\uFEFF", "\u2028", "'s", "'S", "'ll", "'RE", "'\u017F", "\u2019t", "don't", "I'M", "we've",
        "1", "12", "123", "1234", "12345.678", "\u0661\u0662\u0663", "\U0001D7D8\U0001D7D9", "\u00BD", "e\u0301", "o\u0302\u0323", "\uAC00\u11A8", "\u1100\u1161\u11A8", "\uFB01", "\u0130", "\u00DF", "\u03A3",
        "the", " and", "Hello", " World", "camelCase", "HTTPServer", "snake_case", "__init__", "    return x;", "\tfor (int i = 0; i < n; i++) {", "<|end|>", "<s>", "</s>", "<unk>", "[MASK]", "<0x0A>", "\u2581",
        "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F1E9\U0001F1EA", "\u270C\uFE0F\U0001F3FD", "...", "!!!", "?!", "--", "==", "://", "http://example.org/a?b=c&d", "\u4F60\u597D", "\u3053\u3093\u306B\u3061\u306F", "\uC548\uB155",
        "\u041F\u0440\u0438\u0432\u0435\u0442", "\u0645\u0631\u062D\u0628\u0627", "\u0928\u092E\u0938\u094D\u0924\u0947", "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35", "na\u00EFve", "\u0000", "\u0007", "\u007F", "\uFFFD", "\uFFFE", "\U0010FFFF",
    ];

    /// <summary>Text number <paramref name="index"/>.</summary>
    public string this[int index]
    {
        get
        {
            var random = new Random(unchecked((seed * 1_000_003) ^ (index * 7919)));
            var text = new StringBuilder();
            for (int left = 1 + random.Next(12); left > 0; left--) Append(text, random);
            return text.ToString();
        }
    }

    private void Append(StringBuilder text, Random random)
    {
        switch (random.Next(8))
        {
            case 0 or 1:
                text.Append(Scraps[random.Next(Scraps.Length)]);
                break;
            case 2 when vocabulary.Count > 0:
                text.Append(vocabulary[random.Next(vocabulary.Count)]);
                break;
            case 3:
                var (any, last) = Blocks[^1];
                text.Append(Character(random.Next(any, last)));
                break;
            case 4:
                string scrap = Scraps[random.Next(Scraps.Length)];
                for (int i = random.Next(6); i > 0; i--) text.Append(scrap);
                break;
            case 5:
                text.Append(' ').Append(random.Next(2) == 0 ? random.Next().ToString(CultureInfo.InvariantCulture) : Scraps[random.Next(Scraps.Length)].ToUpperInvariant());
                break;
            default:
                var (from, to) = Blocks[random.Next(Blocks.Length)];
                for (int i = 1 + random.Next(8); i > 0; i--) text.Append(Character(random.Next(from, to + 1)));
                break;
        }
    }

    private static string Character(int value) => Rune.IsValid(value) ? new Rune(value).ToString() : "\uFFFD";
}

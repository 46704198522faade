using System.Text;

namespace LowRank.Text.Tests;

/// <summary>Texts that reach what published tokenizers look at: letters of all planes, blanks, line ends, contractions.</summary>
internal static class RandomText
{
    private const string Blanks = " \n\t'\r\u00A0\u3000\u2028";
    private static readonly string[] Parts = ["'s", "'LL", "'\u017F", "don't", "  ", "\r\n", "123", "12345", "\U0001D7D9", "漢字", "かな", "e\u0301", "\u1112\u1161", "\u200D", "<|x|>", "..."];

    /// <summary>So many characters or parts.</summary>
    public static string Of(Random random, int length)
    {
        var text = new StringBuilder();
        for (int i = 0; i < length; i++)
        {
            int c = random.Next(7) switch { 0 => random.Next(0x110000), 1 => random.Next(0x3000), 2 => Blanks[random.Next(Blanks.Length)], 3 => -1, _ => random.Next(32, 127) };
            if (c < 0) text.Append(Parts[random.Next(Parts.Length)]);
            else if (Rune.IsValid(c)) text.Append(new Rune(c));
        }
        return text.ToString();
    }
}

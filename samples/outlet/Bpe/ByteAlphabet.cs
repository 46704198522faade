using System.Text;
using System.Text.RegularExpressions;

namespace Outlet;

/// <summary>GPT-2's byte-level text: each byte has a printable character that stands for it in vocabularies and merges.</summary>
public static partial class ByteAlphabet
{
    private static readonly char[] OfByte = Build();

    /// <summary>The 256 characters, in the order of their code points.</summary>
    public static IReadOnlyList<char> Characters { get; } = [.. OfByte.Order()];

    /// <summary>Cuts a text into the pieces that no merge may cross: words with the space before them, numbers, punctuation.</summary>
    public static IEnumerable<string> Pieces(string text) => Piece().Matches(text).Select(m => m.Value);

    /// <summary>The characters that stand for a piece's UTF-8 bytes.</summary>
    public static string Spell(string piece) => string.Create(Encoding.UTF8.GetByteCount(piece), piece, (span, p) =>
    {
        byte[] bytes = Encoding.UTF8.GetBytes(p);
        for (int i = 0; i < bytes.Length; i++) span[i] = OfByte[bytes[i]];
    });

    // Bytes that print keep their own character; the others follow from code point 256 on.
    private static char[] Build()
    {
        var table = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
            table[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)b : (char)next++;
        return table;
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Piece();
}

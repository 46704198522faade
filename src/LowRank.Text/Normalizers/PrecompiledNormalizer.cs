using System.Globalization;
using System.Text;

namespace LowRank.Text.Normalizers;

/// <summary>
/// Normalizes by compiled rules, as the reference does it and not as SentencePiece does: a grapheme of fewer than six bytes is looked up whole and becomes
/// the replacement of the shortest rule that it begins with; otherwise its characters are looked up one by one.
/// </summary>
internal sealed class PrecompiledNormalizer : INormalizer
{
    private readonly Charsmap _rules;
    private readonly bool[] _plain = new bool[128];

    /// <summary>Takes the rules.</summary>
    public PrecompiledNormalizer(Charsmap rules)
    {
        _rules = rules;
        for (int c = 0; c < 128; c++) _plain[c] = !rules.TryFind([(byte)c], longest: false, out _, out _);
    }

    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        var text = part.Span;
        int first = Plain(text, 0);
        if (first == text.Length) return part;
        var characters = new List<(int Rune, int Change)>(text.Length);
        bool changed = false;
        for (int i = 0; i < text.Length;)
        {
            for (int end = i == 0 ? first : Plain(text, i); i < end; i++) characters.Add((text[i], 0));
            if (i == text.Length) break;
            int length = StringInfo.GetNextTextElementLength(text[i..]);
            changed |= Grapheme(text.Slice(i, length), characters);
            i += length;
        }
        return changed ? AlignedTextBuilder.Transform(part, characters) : part;
    }

    // ASCII before ASCII is a grapheme of its own (but for CR LF), and most of it has no rule.
    private int Plain(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && text[i] < 128 && _plain[text[i]] && (i + 1 == text.Length || text[i + 1] < 128) && text[i] != '\r') i++;
        return i;
    }

    private bool Grapheme(ReadOnlySpan<char> grapheme, List<(int Rune, int Change)> characters)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(grapheme) < 6 && Replace(grapheme, characters)) return true;
        bool changed = false;
        for (int i = 0, length; i < grapheme.Length; i += length)
        {
            int c = Unicode.At(grapheme, i, out length);
            if (Replace(grapheme.Slice(i, length), characters)) changed = true;
            else characters.Add((c, 0));
        }
        return changed;
    }

    private bool Replace(ReadOnlySpan<char> old, List<(int Rune, int Change)> characters)
    {
        Span<byte> bytes = stackalloc byte[3 * old.Length];
        if (!_rules.TryFind(bytes[..System.Text.Encoding.UTF8.GetBytes(old, bytes)], longest: false, out _, out var replacement)) return false;
        int before = Count(old), after = 0;
        while (!replacement.IsEmpty)
        {
            Rune.DecodeFromUtf8(replacement, out var rune, out int length);
            replacement = replacement[length..];
            characters.Add((rune.Value, ++after > before ? 1 : 0));
        }
        // What is left over of the old ones goes to the character before, even where that is another's.
        if (after < before && characters.Count > 0) characters[^1] = (characters[^1].Rune, characters[^1].Change - (before - after));
        return true;
    }

    private static int Count(ReadOnlySpan<char> text)
    {
        int count = 0;
        for (int i = 0, length; i < text.Length; i += length, count++) Unicode.At(text, i, out length);
        return count;
    }
}

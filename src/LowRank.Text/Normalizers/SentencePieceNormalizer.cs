using LowRank.Text.Models;

namespace LowRank.Text.Normalizers;

/// <summary>What a SentencePiece file says on normalizing.</summary>
/// <param name="Rules">The compiled rules; null where there are none.</param>
/// <param name="AddDummyPrefix">Put a blank before every text that is not empty.</param>
/// <param name="RemoveExtraWhitespaces">Leave out blanks at the ends and all but one of several.</param>
/// <param name="EscapeWhitespaces">Write blanks as U+2581.</param>
/// <param name="WhitespaceAsSuffix">Put the added blank at the end instead.</param>
internal sealed record SentencePieceNormalization(
    Charsmap? Rules = null, bool AddDummyPrefix = true, bool RemoveExtraWhitespaces = true, bool EscapeWhitespaces = true, bool WhitespaceAsSuffix = false);

/// <summary>Normalizes as SentencePiece does: at every place the longest rule, symbols of the user's own left as they are, blanks joined and escaped.</summary>
internal sealed class SentencePieceNormalizer : INormalizer
{
    private readonly SentencePieceNormalization _spec;
    private readonly ByteTrie? _symbols;
    private readonly string _blank;
    private readonly bool[] _plain = new bool[128]; // ASCII that stays as it is before more ASCII

    /// <summary>Takes the settings and the user-defined symbols; null where there are none.</summary>
    public SentencePieceNormalizer(SentencePieceNormalization spec, ByteTrie? symbols)
    {
        (_spec, _symbols, _blank) = (spec, symbols, spec.EscapeWhitespaces ? "\u2581" : " ");
        for (int c = 1; c < 128; c++)
            _plain[c] = c != ' ' && symbols is null && spec.Rules?.MayBegin((byte)c) != true;
    }

    /// <inheritdoc/>
    public Slice Normalize(Slice part)
    {
        byte[] bytes = new byte[System.Text.Encoding.UTF8.GetByteCount(part.Span)];
        System.Text.Encoding.UTF8.GetBytes(part.Span, bytes);
        int unit = 0, at = 0;
        if (_spec.RemoveExtraWhitespaces)
            while (at < bytes.Length && Next(bytes.AsSpan(at), out int length) is [(byte)' '])
            {
                unit += Units(bytes.AsSpan(at, length));
                at += length;
            }
        if (at == bytes.Length) return part.Part(part.Length, part.Length);
        var builder = new AlignedTextBuilder();
        if (_spec is { AddDummyPrefix: true, WhitespaceAsSuffix: false }) Blank(builder, part, unit);
        bool afterBlank = _spec.RemoveExtraWhitespaces;
        while (at < bytes.Length)
        {
            int run = unit;
            while (at < bytes.Length && bytes[at] < 128 && _plain[bytes[at]] && (at + 1 == bytes.Length || bytes[at + 1] < 128)) (at, unit) = (at + 1, unit + 1);
            if (unit > run)
            {
                builder.Append(part.Part(run, unit));
                afterBlank = false;
                continue;
            }
            var text = Next(bytes.AsSpan(at), out int length);
            int units = Units(bytes.AsSpan(at, length));
            var (start, end) = part.Part(unit, unit + units).Original;
            if (afterBlank) text = text.TrimStart((byte)' ');
            if (!text.IsEmpty)
            {
                string written = System.Text.Encoding.UTF8.GetString(text);
                builder.Append(_spec.EscapeWhitespaces ? written.Replace(' ', '\u2581') : written, start, end);
                afterBlank = _spec.RemoveExtraWhitespaces && text[^1] == ' ';
            }
            (at, unit) = (at + length, unit + units);
        }
        var result = builder.ToSlice();
        int kept = result.Length;
        while (_spec.RemoveExtraWhitespaces && kept > 0 && result.Span[kept - 1] == _blank[0]) kept--;
        result = result.Part(0, kept);
        return _spec is { AddDummyPrefix: true, WhitespaceAsSuffix: true } ? WithSuffix(result, part) : result;
    }

    // What the text's next characters become, and how many bytes they are.
    private ReadOnlySpan<byte> Next(ReadOnlySpan<byte> text, out int length)
    {
        if (_symbols is not null && _symbols.Longest(text, out length) >= 0) return text[..length];
        if (_spec.Rules is not null && _spec.Rules.TryFind(text, longest: true, out length, out var replacement)) return replacement;
        System.Text.Rune.DecodeFromUtf8(text, out _, out length);
        return text[..length];
    }

    private void Blank(AlignedTextBuilder builder, Slice part, int unit)
    {
        Unicode.At(part.Span, unit, out int length);
        var (start, end) = part.Part(unit, unit + length).Original;
        builder.Append(_blank, start, end);
    }

    private Slice WithSuffix(Slice result, Slice part)
    {
        var builder = new AlignedTextBuilder();
        builder.Append(result);
        int end = part.Source.EndOf(part.Start + part.Length - 1);
        builder.Append(_blank, end, end);
        return builder.ToSlice();
    }

    private static int Units(ReadOnlySpan<byte> bytes) => System.Text.Encoding.UTF8.GetCharCount(bytes);
}

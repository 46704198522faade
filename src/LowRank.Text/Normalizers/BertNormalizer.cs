using System.Globalization;
using LowRank.Text.Patterns;

namespace LowRank.Text.Normalizers;

/// <summary>BERT's cleaning of a text, put together from simpler steps in BERT's order.</summary>
internal static class BertNormalizer
{
    private static readonly (int First, int Last)[] Chinese =
        [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)];

    /// <summary>The steps that are wanted.</summary>
    /// <param name="cleanText">Leave control characters out and make all blanks spaces.</param>
    /// <param name="chinese">Put blanks around Chinese characters.</param>
    /// <param name="stripAccents">Decompose and leave marks out.</param>
    /// <param name="lowercase">Make lower case.</param>
    public static INormalizer Make(bool cleanText, bool chinese, bool stripAccents, bool lowercase)
    {
        var steps = new List<INormalizer>();
        if (cleanText) steps.AddRange([new FilterNormalizer(c => c is not (0 or 0xFFFD) && !IsControl(c)), new MapNormalizer(c => Unicode.IsSpace(c) ? ' ' : c)]);
        if (chinese) steps.Add(new ChineseBlanks());
        if (stripAccents) steps.AddRange([new UnicodeNormalizer(compatible: false, compose: false), new FilterNormalizer(c => !Accents.IsNonSpacing(c))]);
        if (lowercase) steps.Add(new LowercaseNormalizer());
        return new SequenceNormalizer(steps);
    }

    // The reference's categories are those of Unicode 8; characters that it had not assigned stay.
    private static bool IsControl(int c)
        => c is not ('\t' or '\n' or '\r') && Unicode.Category(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse && !UnicodeProperties.YoungerThan8.Contains(c);

    private sealed class ChineseBlanks : INormalizer
    {
        public Slice Normalize(Slice part)
        {
            var text = part.Span;
            AlignedTextBuilder? builder = null;
            int done = 0;
            for (int i = 0, length; i < text.Length; i += length)
            {
                int c = Unicode.At(text, i, out length);
                if (c < 0x3400 || !Chinese.Any(r => c >= r.First && c <= r.Last)) continue;
                builder ??= new AlignedTextBuilder();
                builder.Append(part.Part(done, i));
                var (start, end) = part.Part(i, i + length).Original;
                builder.Append([' ', .. text.Slice(i, length), ' '], start, end);
                done = i + length;
            }
            if (builder is null) return part;
            builder.Append(part.Part(done, text.Length));
            return builder.ToSlice();
        }
    }
}

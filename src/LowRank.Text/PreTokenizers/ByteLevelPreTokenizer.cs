using LowRank.Text.Patterns;

namespace LowRank.Text.PreTokenizers;

/// <summary>
/// GPT-2's pre-tokenizer: puts a blank in front if asked to, cuts by its regular expression, and respells bytes as characters. The respelling is left
/// out where the model takes bytes: its vocabulary is respelled once instead.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool respell = false) : IPreTokenizer
{
    private static readonly SplitPreTokenizer Words = new(new Gpt2Pattern(), SplitBehavior.Isolated, invert: false);

    /// <summary>Whether it leaves every part as it is.</summary>
    public bool ChangesNothing => !addPrefixSpace && !useRegex && !respell;

    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        if (part.Length == 0) return;
        if (addPrefixSpace && part.Span[0] != ' ') part = new Slice(AlignedText.Over(part, string.Concat(" ", part.Span), 1), 0, part.Length + 1);
        int before = words.Count;
        if (useRegex) Words.Split(part, words);
        else words.Add(part);
        if (respell)
            for (int i = before; i < words.Count; i++) words[i] = Respelled(words[i]);
    }

    // Every byte of a character has that character's place.
    private static Slice Respelled(Slice word)
    {
        var builder = new AlignedTextBuilder();
        Span<byte> bytes = stackalloc byte[4];
        Span<char> units = stackalloc char[4];
        for (int i = 0, length; i < word.Length; i += length)
        {
            int count = new System.Text.Rune(Unicode.At(word.Span, i, out length)).EncodeToUtf8(bytes);
            for (int j = 0; j < count; j++) units[j] = ByteAlphabet.CharOf(bytes[j]);
            var (start, end) = word.Part(i, i + length).Original;
            builder.Append(units[..count], start, end);
        }
        return builder.ToSlice();
    }
}

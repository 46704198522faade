using LowRank.Text.Patterns;

namespace LowRank.Text.PreTokenizers;

/// <summary>
/// GPT-2's pre-tokenizer: puts a blank in front if asked to and cuts by its regular expression.
/// The bytes themselves are not respelled here: the model takes UTF-8 bytes and its vocabulary is respelled once instead.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : IPreTokenizer
{
    private static readonly SplitPreTokenizer Words = new(new Gpt2Pattern(), SplitBehavior.Isolated, invert: false);

    /// <inheritdoc/>
    public void Split(Slice part, List<Slice> words)
    {
        if (part.Length == 0) return;
        if (addPrefixSpace && part.Span[0] != ' ') part = WithBlank(part);
        if (useRegex) Words.Split(part, words);
        else words.Add(part);
    }

    // The added blank shares the place of the character it stands before.
    private static Slice WithBlank(Slice part)
    {
        var builder = new AlignedTextBuilder();
        builder.Append(" ", part.Source.StartOf(part.Start), part.Source.EndOf(part.Start));
        builder.Append(part);
        return builder.ToSlice();
    }
}

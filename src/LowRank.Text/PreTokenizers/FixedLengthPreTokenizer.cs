namespace LowRank.Text.PreTokenizers;

/// <summary>Pieces of a fixed number of characters.</summary>
internal sealed class FixedLengthPreTokenizer(int characters) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        var text = part.Span;
        int start = 0, count = 0;
        for (int i = 0, length; i < text.Length; i += length)
        {
            if (count == characters)
            {
                words.Add(part, start, i);
                (start, count) = (i, 0);
            }
            Unicode.At(text, i, out length);
            count++;
        }
        words.Add(part, start, text.Length);
    }
}

namespace LowRank.Text.PreTokenizers;

/// <summary>Cuts out numeric characters (also ½ and Ⅷ): each alone, or whole runs of them.</summary>
internal sealed class DigitsPreTokenizer(bool individual) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        int begin = 0;
        bool previous = false;
        var text = part.Span;
        for (int i = 0, length; i < text.Length; i += length)
        {
            bool number = Unicode.IsNumber(Unicode.At(text, i, out length));
            if (i > begin && (number != previous || (number && individual)))
            {
                words.Add(part.Part(begin, i));
                begin = i;
            }
            previous = number;
        }
        if (text.Length > begin) words.Add(part.Part(begin, text.Length));
    }
}

namespace LowRank.Text.PreTokenizers;

/// <summary>Words (letters, marks, digits, connectors) and runs of other characters; blanks vanish.</summary>
internal sealed class WhitespacePreTokenizer : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        var text = part.Span;
        int start = 0, kind = 0; // 0: blank, 1: word, 2: other
        for (int i = 0, length; i < text.Length; i += length)
        {
            int c = Unicode.At(text, i, out length), next = Unicode.IsWord(c) ? 1 : Unicode.IsSpace(c) ? 0 : 2;
            if (next == kind) continue;
            if (kind != 0) words.Add(part, start, i);
            (start, kind) = (i, next);
        }
        if (kind != 0) words.Add(part, start, text.Length);
    }
}

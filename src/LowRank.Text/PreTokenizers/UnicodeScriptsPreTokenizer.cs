using LowRank.Text.Patterns;

namespace LowRank.Text.PreTokenizers;

/// <summary>
/// Cuts where the script changes. Kana counts as Han; blanks and characters that the reference's table does not know go with what is before them,
/// and vanish where nothing is, as in the reference.
/// </summary>
internal sealed class UnicodeScriptsPreTokenizer : IPreTokenizer
{
    private static readonly Lazy<byte[]> Scripts = new(Make);

    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        var text = part.Span;
        var scripts = Scripts.Value;
        int start = -1, last = 0;
        for (int i = 0, length; i < text.Length; i += length)
        {
            int script = scripts[Unicode.At(text, i, out length)];
            if (script == 0) continue;
            if (script != last)
            {
                if (start >= 0) words.Add(part, start, i);
                start = i;
            }
            last = script;
        }
        if (start >= 0) words.Add(part, start, text.Length);
    }

    private static byte[] Make()
    {
        var table = UnicodeProperties.ScriptTable();
        byte han = table['\u4E00'], hiragana = table['\u3042'], katakana = table['\u30A2'];
        for (int c = 0; c < table.Length; c++)
            if (table[c] == hiragana || table[c] == katakana) table[c] = han;
        table[0x30FC] = han; // the mark of a long vowel
        table[' '] = 0;
        return table;
    }
}

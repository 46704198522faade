using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>Cuts a word from the left into the longest pieces there are; a word that cannot be cut, or is too long, is unknown as a whole.</summary>
internal sealed class WordPieceModel : IModel
{
    private readonly TokenTable _table;
    private readonly ByteTrie _starts, _continuations;
    private readonly string _unknown;
    private readonly int _unknownId, _longestWord;

    /// <summary>Makes the model.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="unknown">The unknown token; an error at its first use where the vocabulary lacks it.</param>
    /// <param name="startPrefix">What the vocabulary writes before pieces that begin a word.</param>
    /// <param name="continuingPrefix">What it writes before those that go on with one.</param>
    /// <param name="longestWord">How many characters a word may have.</param>
    public WordPieceModel(Dictionary<string, int> vocabulary, string unknown, string startPrefix, string continuingPrefix, int longestWord)
    {
        (_table, _unknown, _longestWord) = (new TokenTable(vocabulary), unknown, longestWord);
        _unknownId = vocabulary.GetValueOrDefault(unknown, -1);
        _starts = Tree(vocabulary, startPrefix);
        _continuations = startPrefix == continuingPrefix ? _starts : Tree(vocabulary, continuingPrefix);
    }

    /// <inheritdoc/>
    public int Size => _table.Size;
    /// <inheritdoc/>
    public int? IdOf(string token) => _table.IdOf(token);
    /// <inheritdoc/>
    public string? TokenOf(int id) => _table.TokenOf(id);

    /// <inheritdoc/>
    public void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (word.IsEmpty) return;
        int before = tokens.Count;
        if (!IsTooLong(word))
        {
            int at = 0;
            while (at < word.Length && (at == 0 ? _starts : _continuations).Longest(word[at..], out int length) is >= 0 and int id)
            {
                tokens.Add(id, length);
                at += length;
            }
            if (at == word.Length) return;
            tokens.Shorten(before);
        }
        if (_unknownId < 0) throw new BadInputException("a word is not in the vocabulary, nor is the unknown token", _unknown);
        tokens.Add(_unknownId, word.Length);
    }

    private bool IsTooLong(ReadOnlySpan<byte> word)
    {
        if (word.Length <= _longestWord) return false;
        int characters = 0;
        foreach (byte b in word)
            if ((b & 0xC0) != 0x80) characters++;
        return characters > _longestWord;
    }

    private static ByteTrie Tree(Dictionary<string, int> vocabulary, string prefix)
        => new(vocabulary.Where(v => v.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(v => (System.Text.Encoding.UTF8.GetBytes(v.Key[prefix.Length..]), v.Value)));
}

using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>A word is a token or unknown.</summary>
internal sealed class WordLevelModel : IModel
{
    private readonly TokenTable _table;
    private readonly ByteVocabulary _words;
    private readonly string _unknown;
    private readonly int _unknownId;

    /// <summary>Takes the words and the unknown token; an error at its first use where the vocabulary lacks it.</summary>
    public WordLevelModel(Dictionary<string, int> vocabulary, string unknown)
    {
        (_table, _unknown) = (new TokenTable(vocabulary), unknown);
        _unknownId = vocabulary.GetValueOrDefault(unknown, -1);
        _words = new ByteVocabulary([.. vocabulary.Select(v => (System.Text.Encoding.UTF8.GetBytes(v.Key), v.Value))]);
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
        int id = _words.Find(word);
        if (id < 0 && _unknownId < 0) throw new BadInputException("a word is not in the vocabulary, nor is the unknown token", _unknown);
        tokens.Add(id >= 0 ? id : _unknownId, word.Length);
    }
}

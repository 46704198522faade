namespace LowRank.Text.Models;

/// <summary>Tokens by id and ids by token.</summary>
internal sealed class TokenTable
{
    private readonly Dictionary<string, int> _idOf;
    private readonly string?[] _tokenOf;

    /// <summary>Takes a vocabulary whose ids were checked not to reach far beyond its tokens.</summary>
    public TokenTable(Dictionary<string, int> vocabulary)
    {
        (_idOf, _tokenOf) = (vocabulary, new string?[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1]);
        foreach (var (token, id) in vocabulary) _tokenOf[id] = token;
    }

    /// <summary>One past the largest id.</summary>
    public int Size => _tokenOf.Length;

    /// <summary>The id of a token; null where it has none.</summary>
    public int? IdOf(string token) => _idOf.TryGetValue(token, out int id) ? id : null;

    /// <summary>The token of an id; null where there is none.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)_tokenOf.Length ? _tokenOf[id] : null;
}

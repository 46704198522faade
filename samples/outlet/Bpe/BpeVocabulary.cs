namespace Outlet;

/// <summary>A trained vocabulary: the special tokens, the 256 characters of the alphabet, then one token a merge, in that order of ids.</summary>
/// <param name="Tokens">By id.</param>
/// <param name="Merges">The pairs, best first.</param>
public sealed record BpeVocabulary(IReadOnlyList<string> Tokens, IReadOnlyList<(string Left, string Right)> Merges)
{
    /// <summary>The end token, id 0.</summary>
    public const string End = "<|end|>";
    /// <summary>The padding token, id 1.</summary>
    public const string Pad = "<|pad|>";

    private readonly Dictionary<string, int> _ids = Tokens.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i, StringComparer.Ordinal);
    private readonly Dictionary<(string, string), int> _ranks = Merges.Select((m, i) => (m, i)).ToDictionary(p => p.m, p => p.i);

    /// <summary>The ids of a text without special tokens: in each piece the best pair is merged until none is left.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (string piece in ByteAlphabet.Pieces(text))
        {
            var symbols = ByteAlphabet.Spell(piece).Select(c => c.ToString()).ToList();
            while (Best(symbols) is { } at)
            {
                symbols[at] += symbols[at + 1];
                symbols.RemoveAt(at + 1);
            }
            ids.AddRange(symbols.Select(s => _ids[s]));
        }
        return ids;
    }

    private int? Best(List<string> symbols)
    {
        int? at = null;
        int best = int.MaxValue;
        for (int i = 0; i + 1 < symbols.Count; i++)
            if (_ranks.TryGetValue((symbols[i], symbols[i + 1]), out int rank) && rank < best) (at, best) = (i, rank);
        return at;
    }
}

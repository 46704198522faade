namespace LowRank.Text.AddedTokens;

/// <summary>Finds the longest of many strings that begins at a place of a text.</summary>
internal sealed class TokenTrie
{
    private readonly List<Node> _nodes = [new()];
    private readonly bool[] _first = new bool[0x10000];

    /// <summary>Whether it holds no string.</summary>
    public bool IsEmpty => _nodes.Count == 1;

    /// <summary>Adds a non-empty string; a string that is there already keeps its token.</summary>
    public void Add(string content, AddedToken token)
    {
        int node = 0;
        foreach (char c in content)
        {
            if (!_nodes[node].Next.TryGetValue(c, out int next))
            {
                _nodes[node].Next[c] = next = _nodes.Count;
                _nodes.Add(new Node());
            }
            node = next;
        }
        _first[content[0]] = true;
        _nodes[node].Token ??= token;
    }

    /// <summary>The leftmost match from <paramref name="from"/> on, the longest one there; false where there is none.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end, out AddedToken token)
    {
        for (start = from; start < text.Length; start++)
            if (_first[text[start]] && Longest(text, start, out end) is { } found)
            {
                token = found;
                return true;
            }
        (end, token) = (start, null!);
        return false;
    }

    private AddedToken? Longest(ReadOnlySpan<char> text, int start, out int end)
    {
        AddedToken? found = null;
        end = start;
        for (int i = start, node = 0; i < text.Length && _nodes[node].Next.TryGetValue(text[i], out node); i++)
            if (_nodes[node].Token is { } token) (found, end) = (token, i + 1);
        return found;
    }

    private sealed class Node
    {
        public Dictionary<char, int> Next { get; } = [];
        public AddedToken? Token { get; set; }
    }
}

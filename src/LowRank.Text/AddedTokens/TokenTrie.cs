using System.Buffers;

namespace LowRank.Text.AddedTokens;

/// <summary>
/// Finds the leftmost of many strings in a text, the longest one there: Aho and Corasick's automaton, whose failure links end where following them would
/// lose a match that begins further left. One pass over the text, however long and alike the strings are.
/// </summary>
internal sealed class TokenTrie
{
    private const int Dead = -1;
    private readonly List<Node> _nodes = [new(0)];
    private readonly Dictionary<long, int> _next = [];
    private SearchValues<char>? _first;

    /// <summary>Whether it holds no string.</summary>
    public bool IsEmpty => _nodes.Count == 1;

    /// <summary>Adds a non-empty string; a string that is there already keeps its token. Not after the first search.</summary>
    public void Add(string content, AddedToken token)
    {
        int node = 0;
        foreach (char c in content)
        {
            if (!_next.TryGetValue(Key(node, c), out int next))
            {
                _next[Key(node, c)] = next = _nodes.Count;
                _nodes.Add(new Node(_nodes[node].Depth + 1));
                _nodes[node].Letters.Add(c);
            }
            node = next;
        }
        if (_nodes[node].Token is not null) return;
        (_nodes[node].Token, _nodes[node].Length) = (token, content.Length);
    }

    /// <summary>Makes the links, once all strings are there.</summary>
    public void Finish()
    {
        _first = SearchValues.Create([.. _nodes[0].Letters]);
        // Breadth first; with each node, where the earliest match on the way to it begins (1: at its first letter), 0 without one.
        var queue = new Queue<(int Node, int Match)>([(0, 0)]);
        while (queue.TryDequeue(out var item))
            foreach (char c in _nodes[item.Node].Letters)
            {
                int next = _next[Key(item.Node, c)];
                var node = _nodes[next];
                int match = item.Match > 0 ? item.Match : node.Token is not null ? node.Depth - node.Length + 1 : 0;
                queue.Enqueue((next, match));
                if (item.Node == 0)
                {
                    if (match > 0) node.Fail = Dead;
                    continue;
                }
                int fail = Follow(_nodes[item.Node].Fail, c);
                if (match > 0 && (fail == Dead || node.Depth - match + 1 > _nodes[fail].Depth)) node.Fail = Dead;
                else
                {
                    node.Fail = fail;
                    if (node.Token is null && fail > 0) (node.Token, node.Length) = (_nodes[fail].Token, _nodes[fail].Length);
                }
            }
    }

    /// <summary>The leftmost match from <paramref name="from"/> on, the longest one there; false where there is none.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end, out AddedToken token)
    {
        (start, end, token) = (text.Length, text.Length, null!);
        int state = 0;
        for (int i = from; i < text.Length; i++)
        {
            if (state == 0)
            {
                int skip = text[i..].IndexOfAny(_first!);
                if (skip < 0) return false;
                i += skip;
            }
            state = Follow(state, text[i]);
            if (state == Dead) return true;
            if (_nodes[state].Token is { } found) (start, end, token) = (i + 1 - _nodes[state].Length, i + 1, found);
            else if (state == 0 && token is not null) return true;
        }
        return token is not null;
    }

    private int Follow(int state, char c)
    {
        while (state != Dead)
        {
            if (_next.TryGetValue(Key(state, c), out int next)) return next;
            if (state == 0) return 0;
            state = _nodes[state].Fail;
        }
        return Dead;
    }

    private static long Key(int node, char c) => ((long)node << 16) | c;

    private sealed class Node(int depth)
    {
        public int Depth { get; } = depth;
        public int Fail { get; set; }
        public List<char> Letters { get; } = [];
        public AddedToken? Token { get; set; }
        public int Length { get; set; }
    }
}

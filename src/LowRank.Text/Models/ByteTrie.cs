namespace LowRank.Text.Models;

/// <summary>
/// A tree of byte strings whose edges lie in one open-addressed table: memory grows with the strings' length alone, whatever they are.
/// The first byte's edges have a table of their own.
/// </summary>
internal sealed class ByteTrie
{
    private readonly int[] _first = new int[256];
    private readonly List<int> _values = [-1];
    private long[] _keys = new long[1024];   // parent * 256 + byte + 1; 0: free
    private int[] _children = new int[1024];
    private int _edges;

    /// <summary>Makes the tree; of equal strings the last one counts, empty ones are left out.</summary>
    public ByteTrie(IEnumerable<(byte[] Key, int Value)> entries)
    {
        foreach (var (key, value) in entries)
            if (key.Length > 0) Add(key, value);
    }

    /// <summary>Where a byte leads from the root; 0 where nowhere.</summary>
    public int First(byte b) => _first[b];

    /// <summary>Where a byte leads from a node other than the root; 0 where nowhere.</summary>
    public int Next(int node, byte b)
    {
        long key = ((long)node << 8 | b) + 1;
        for (int slot = Slot(key); ; slot = (slot + 1) & (_keys.Length - 1))
        {
            if (_keys[slot] == key) return _children[slot];
            if (_keys[slot] == 0) return 0;
        }
    }

    /// <summary>The value of the string that ends at a node; -1 where none does.</summary>
    public int ValueAt(int node) => _values[node];

    /// <summary>The value of a whole string; -1 where it is not in the tree.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return -1;
        int node = _first[text[0]];
        for (int i = 1; i < text.Length && node != 0; i++) node = Next(node, text[i]);
        return node == 0 ? -1 : _values[node];
    }

    /// <summary>The value of the longest string that the text begins with; -1 where there is none.</summary>
    public int Longest(ReadOnlySpan<byte> text, out int length)
    {
        (length, int found) = (0, -1);
        for (int i = 0, node = 0; i < text.Length; i++)
        {
            node = i == 0 ? _first[text[0]] : Next(node, text[i]);
            if (node == 0) break;
            if (_values[node] >= 0) (found, length) = (_values[node], i + 1);
        }
        return found;
    }

    private void Add(byte[] key, int value)
    {
        int node = _first[key[0]];
        if (node == 0) _first[key[0]] = node = NewNode();
        for (int i = 1; i < key.Length; i++)
        {
            int next = Next(node, key[i]);
            if (next == 0) Set(((long)node << 8 | key[i]) + 1, next = NewNode());
            node = next;
        }
        _values[node] = value;
    }

    private int NewNode()
    {
        _values.Add(-1);
        return _values.Count - 1;
    }

    private void Set(long key, int child)
    {
        if (2 * ++_edges > _keys.Length) Grow();
        int slot = Slot(key);
        while (_keys[slot] != 0) slot = (slot + 1) & (_keys.Length - 1);
        (_keys[slot], _children[slot]) = (key, child);
    }

    private void Grow()
    {
        var (keys, children) = (_keys, _children);
        (_keys, _children) = (new long[2 * keys.Length], new int[2 * keys.Length]);
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] == 0) continue;
            int slot = Slot(keys[i]);
            while (_keys[slot] != 0) slot = (slot + 1) & (_keys.Length - 1);
            (_keys[slot], _children[slot]) = (keys[i], children[i]);
        }
    }

    private int Slot(long key) => (int)((ulong)key * 0x9E3779B97F4A7C15 >> 32) & (_keys.Length - 1);
}

namespace LowRank.Text.Models;

/// <summary>The learnt pairs, and the joining of a word by them.</summary>
internal sealed class BpeMerges
{
    private const int ShortWord = 32;
    private readonly Dictionary<ulong, (int Rank, int Id)> _merges = [];

    /// <summary>Adds a pair; the first added is joined first. A pair given twice counts where it stood last.</summary>
    public void Add(int left, int right, int joined) => _merges[Key(left, right)] = (_count++, joined);
    private int _count;

    /// <summary>Joins a word's symbols and appends the tokens that remain.</summary>
    public void Apply(TokenBuffer symbols, TokenBuffer tokens)
    {
        if (symbols.Count < 2) tokens.Add(symbols.Ids, symbols.Lengths);
        else if (symbols.Count <= ShortWord) ApplyShort(symbols, tokens);
        else new BpeLongWord(this, symbols).Apply(tokens);
    }

    /// <summary>What two neighbours make and how early it was learnt; (int.MaxValue, -1) where they are no pair.</summary>
    public (int Rank, int Id) Find(int left, int right) => _merges.TryGetValue(Key(left, right), out var merge) ? merge : (int.MaxValue, -1);

    // Most words are a few characters long: looking for the best pair again after each merge beats any cleverer structure there.
    private void ApplyShort(TokenBuffer symbols, TokenBuffer tokens)
    {
        int count = symbols.Count;
        Span<int> ids = stackalloc int[count], lengths = stackalloc int[count];
        Span<(int Rank, int Id)> pairs = stackalloc (int, int)[count];
        symbols.Ids.CopyTo(ids);
        symbols.Lengths.CopyTo(lengths);
        for (int i = 0; i + 1 < count; i++) pairs[i] = Find(ids[i], ids[i + 1]);
        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++)
                if (pairs[i].Rank < pairs[best].Rank) best = i;
            if (pairs[best].Id < 0) break;
            ids[best] = pairs[best].Id;
            lengths[best] += lengths[best + 1];
            ids[(best + 2)..count].CopyTo(ids[(best + 1)..]);
            lengths[(best + 2)..count].CopyTo(lengths[(best + 1)..]);
            pairs[(best + 1)..(count - 1)].CopyTo(pairs[best..]);
            count--;
            if (best > 0) pairs[best - 1] = Find(ids[best - 1], ids[best]);
            if (best + 1 < count) pairs[best] = Find(ids[best], ids[best + 1]);
        }
        tokens.Add(ids[..count], lengths[..count]);
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;
}

/// <summary>A long word being joined: a linked list of symbols and a queue of pairs, so that n characters cost n log n.</summary>
internal sealed class BpeLongWord
{
    private readonly BpeMerges _merges;
    private readonly int[] _ids, _lengths, _next, _previous;
    private readonly PriorityQueue<(int Left, int Right, int Joined), (int Rank, int Place)> _queue = new();

    /// <summary>Takes a word's symbols.</summary>
    public BpeLongWord(BpeMerges merges, TokenBuffer symbols)
    {
        _merges = merges;
        (_ids, _lengths) = (symbols.Ids.ToArray(), symbols.Lengths.ToArray());
        (_next, _previous) = (new int[_ids.Length], new int[_ids.Length]);
        for (int i = 0; i < _ids.Length; i++) (_next[i], _previous[i]) = (i + 1, i - 1);
        for (int i = 0; i + 1 < _ids.Length; i++) Consider(i);
    }

    /// <summary>Joins what can be joined and appends the tokens that remain.</summary>
    public void Apply(TokenBuffer tokens)
    {
        while (_queue.TryDequeue(out var pair, out var order))
        {
            int left = order.Place, right = _next[left];
            // An entry is stale once either neighbour has been joined to something else.
            if (right >= _ids.Length || _ids[left] != pair.Left || _ids[right] != pair.Right) continue;
            (_ids[left], _lengths[left]) = (pair.Joined, _lengths[left] + _lengths[right]);
            _ids[right] = -1;
            _next[left] = _next[right];
            if (_next[left] < _ids.Length) _previous[_next[left]] = left;
            if (_previous[left] >= 0) Consider(_previous[left]);
            Consider(left);
        }
        for (int i = 0; i < _ids.Length; i = _next[i]) tokens.Add(_ids[i], _lengths[i]);
    }

    private void Consider(int left)
    {
        if (_next[left] >= _ids.Length) return;
        int a = _ids[left], b = _ids[_next[left]];
        var (rank, joined) = _merges.Find(a, b);
        if (joined >= 0) _queue.Enqueue((a, b, joined), (rank, left));
    }
}

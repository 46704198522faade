namespace LowRank.Text.Models;

/// <summary>A long word being joined: a linked list of symbols and a heap of pairs, so that n characters cost n log n. Used again by one thread.</summary>
internal sealed class BpeLongWord
{
    private const int KeptLength = 1 << 16;
    private int[] _ids = [], _lengths = [], _next = [], _previous = [];
    private ulong[] _heap = []; // rank above, place below: the pair learnt first comes first, the leftmost of equal ones
    private int _count, _queued;
    private PairTable _pairs = null!;

    /// <summary>How many heap entries the last word took.</summary>
    public long Steps { get; private set; }

    /// <summary>Joins what can be joined and appends the tokens that remain.</summary>
    public void Apply(PairTable pairs, TokenBuffer symbols, TokenBuffer tokens)
    {
        Begin(pairs, symbols);
        while (_queued > 0)
        {
            ulong top = Pop();
            int left = (int)(uint)top, right = _next[left];
            // An entry is stale once either neighbour has been joined to something else.
            if (_ids[left] < 0 || right >= _count) continue;
            var (rank, joined) = _pairs.Get(_ids[left], _ids[right]);
            if (joined < 0 || rank != (int)(top >> 32)) continue;
            (_ids[left], _lengths[left]) = (joined, _lengths[left] + _lengths[right]);
            _ids[right] = -1;
            _next[left] = _next[right];
            if (_next[left] < _count) _previous[_next[left]] = left;
            if (_previous[left] >= 0) Consider(_previous[left]);
            Consider(left);
        }
        for (int i = 0; i < _count; i = _next[i]) tokens.Add(_ids[i], _lengths[i]);
        if (_ids.Length > KeptLength) (_ids, _lengths, _next, _previous, _heap) = ([], [], [], [], []);
    }

    private void Begin(PairTable pairs, TokenBuffer symbols)
    {
        (_pairs, _count, _queued, Steps) = (pairs, symbols.Count, 0, 0);
        if (_ids.Length < _count)
        {
            int size = Math.Max(_count, Math.Min(2 * _ids.Length, KeptLength));
            (_ids, _lengths, _next, _previous) = (new int[size], new int[size], new int[size], new int[size]);
        }
        symbols.Ids.CopyTo(_ids);
        symbols.Lengths.CopyTo(_lengths);
        for (int i = 0; i < _count; i++) (_next[i], _previous[i]) = (i + 1, i - 1);
        for (int i = 0; i + 1 < _count; i++) Consider(i);
    }

    private void Consider(int left)
    {
        if (_next[left] >= _count) return;
        var (rank, joined) = _pairs.Get(_ids[left], _ids[_next[left]]);
        if (joined >= 0) Push(((ulong)(uint)rank << 32) | (uint)left);
    }

    private void Push(ulong item)
    {
        Steps++;
        if (_queued == _heap.Length) Array.Resize(ref _heap, Math.Max(64, 2 * _queued));
        int at = _queued++;
        for (int parent; at > 0 && _heap[parent = (at - 1) / 2] > item; at = parent) _heap[at] = _heap[parent];
        _heap[at] = item;
    }

    private ulong Pop()
    {
        ulong top = _heap[0], last = _heap[--_queued];
        int at = 0;
        for (int child; (child = 2 * at + 1) < _queued; at = child)
        {
            if (child + 1 < _queued && _heap[child + 1] < _heap[child]) child++;
            if (_heap[child] >= last) break;
            _heap[at] = _heap[child];
        }
        _heap[at] = last;
        return top;
    }
}

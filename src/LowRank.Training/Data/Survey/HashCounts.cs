namespace LowRank.Training;

/// <summary>How often hashes come, in bounded memory: all of them while they are few; beyond, only those that begin with so many zero bits, from which the rest is reckoned. Equal rows have equal hashes, so the share of repeats is not distorted.</summary>
internal sealed class HashCounts(int most = 1 << 21)
{
    private readonly Dictionary<ulong, (int Count, bool Met)> _counts = [];
    private int _zeros;

    /// <summary>Whether every hash was kept.</summary>
    public bool Exact => _zeros == 0;

    /// <summary>Entries beyond the first of their hash.</summary>
    public long Repeats => _counts.Values.Sum(c => (long)c.Count - 1) << _zeros;

    /// <summary>Entries whose hash was met.</summary>
    public long Met => _counts.Values.Sum(c => c.Met ? (long)c.Count : 0) << _zeros;

    /// <summary>Counts a hash.</summary>
    public void Add(ulong hash)
    {
        if (!Kept(hash)) return;
        _counts[hash] = _counts.TryGetValue(hash, out var old) ? (old.Count + 1, old.Met) : (1, false);
        if (_counts.Count <= most) return;
        _zeros++;
        foreach (ulong key in _counts.Keys.Where(k => !Kept(k)).ToList()) _counts.Remove(key);
    }

    /// <summary>Marks a hash, if it is among the counted, as met elsewhere.</summary>
    public void Meet(ulong hash)
    {
        if (_counts.TryGetValue(hash, out var old) && !old.Met) _counts[hash] = (old.Count, true);
    }

    private bool Kept(ulong hash) => _zeros == 0 || hash >> (64 - _zeros) == 0;
}

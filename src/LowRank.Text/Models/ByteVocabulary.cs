namespace LowRank.Text.Models;

/// <summary>Finds ids by bytes without making a string: one open-addressed table over one block of bytes.</summary>
internal sealed class ByteVocabulary
{
    private readonly byte[] _bytes;
    private readonly int[] _starts, _ids, _slots;
    private readonly int _mask;

    /// <summary>Makes the table; of equal keys the last one counts.</summary>
    public ByteVocabulary(IReadOnlyCollection<(byte[] Key, int Id)> entries)
    {
        int capacity = 16;
        while (capacity < 2 * entries.Count) capacity *= 2;
        (_mask, _slots) = (capacity - 1, new int[capacity]);
        (_starts, _ids) = (new int[entries.Count + 1], new int[entries.Count]);
        _bytes = new byte[entries.Sum(e => e.Key.Length)];
        int entry = 0, at = 0;
        foreach (var (key, id) in entries)
        {
            key.CopyTo(_bytes, at);
            at += key.Length;
            (_ids[entry], _starts[entry + 1]) = (id, at);
            int slot = Slot(key);
            _slots[slot] = ++entry;
        }
    }

    /// <summary>The id of a key; -1 where it has none.</summary>
    public int Find(ReadOnlySpan<byte> key) => _slots[Slot(key)] is > 0 and int entry ? _ids[entry - 1] : -1;

    private int Slot(ReadOnlySpan<byte> key)
    {
        int slot = (int)WordHash.Of(key) & _mask;
        while (_slots[slot] is > 0 and int entry && !key.SequenceEqual(_bytes.AsSpan(_starts[entry - 1], _starts[entry] - _starts[entry - 1])))
            slot = (slot + 1) & _mask;
        return slot;
    }
}

/// <summary>A fast hash of short byte strings.</summary>
internal static class WordHash
{
    /// <summary>The hash (FNV-1a with a last mix).</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14695981039346656037;
        foreach (byte b in bytes) hash = (hash ^ b) * 1099511628211;
        return (uint)(hash ^ (hash >> 32) ^ (hash >> 47));
    }
}

namespace LowRank.Text.Models;

/// <summary>What two neighbouring tokens make, by their ids: one open-addressed table.</summary>
internal sealed class PairTable
{
    private const ulong Free = ulong.MaxValue;
    private (ulong Key, int Rank, int Id)[] _slots = Make(16);
    private int _count;

    /// <summary>How many pairs there are.</summary>
    public int Count => _count;

    /// <summary>Puts a pair; one that is there already changes.</summary>
    public void Set(int left, int right, int rank, int id)
    {
        if (2 * (_count + 1) > _slots.Length) Grow();
        ref var slot = ref Find(Key(left, right));
        if (slot.Key == Free) _count++;
        slot = (Key(left, right), rank, id);
    }

    /// <summary>The rank of a pair and what it makes; (int.MaxValue, -1) where it is none.</summary>
    public (int Rank, int Id) Get(int left, int right)
    {
        ref readonly var slot = ref Find(Key(left, right));
        return (slot.Rank, slot.Id);
    }

    private ref (ulong Key, int Rank, int Id) Find(ulong key)
    {
        var slots = _slots;
        int mask = slots.Length - 1;
        ulong hash = key * 0x9FB21C651E98DF25;
        for (int at = (int)(hash >> 33) & mask; ; at = (at + 1) & mask)
            if (slots[at].Key == key || slots[at].Key == Free) return ref slots[at];
    }

    private void Grow()
    {
        var old = _slots;
        _slots = Make(2 * old.Length);
        foreach (var slot in old)
            if (slot.Key != Free) Find(slot.Key) = slot;
    }

    private static (ulong, int, int)[] Make(int size)
    {
        var slots = new (ulong, int, int)[size];
        Array.Fill(slots, (Free, int.MaxValue, -1));
        return slots;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;
}

using System.Runtime.InteropServices;

namespace LowRank.Text.Models;

/// <summary>
/// The tokens of words met before, by their UTF-16 units: one open-addressed table over two blocks, so that looking up makes and follows no objects.
/// It begins small, and is emptied once it is full. Not safe for several threads: each has its own.
/// </summary>
internal sealed class WordCache
{
    private const int FewestSlots = 1 << 8, MostSlots = 1 << 16, MostUnits = 1 << 19, MostTokens = 1 << 18, LongestWord = 96;
    private Slot[] _slots = new Slot[FewestSlots];
    private char[] _units = new char[1 << 11];
    private int[] _ids = new int[1 << 9], _lengths = new int[1 << 9];
    private int _words, _usedUnits, _usedTokens;

    /// <summary>Appends the ids of a word (and, where asked for, how many bytes each stands for); false where it is not known.</summary>
    public bool TryGet(ReadOnlySpan<char> word, uint hash, TokenBuffer tokens)
    {
        ref readonly var slot = ref Find(word, hash);
        if (slot.Length == 0) return false;
        tokens.Add(_ids.AsSpan(slot.Tokens, slot.Count), _lengths.AsSpan(slot.Tokens, slot.Count));
        return true;
    }

    /// <summary>The ids of a word; empty where it is not known (or has none).</summary>
    public ReadOnlySpan<int> Ids(ReadOnlySpan<char> word, uint hash, out bool known)
    {
        ref readonly var slot = ref Find(word, hash);
        known = slot.Length > 0;
        return known ? MemoryMarshal.CreateReadOnlySpan(ref _ids[slot.Tokens], slot.Count) : default;
    }

    /// <summary>Remembers the tokens of a word that is not known, unless it is too long to come again.</summary>
    public void Set(ReadOnlySpan<char> word, uint hash, ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        if (word.Length is 0 or > LongestWord) return;
        MakeRoom(word.Length, ids.Length);
        ref var slot = ref Find(word, hash);
        slot = new Slot(hash, _usedUnits, _usedTokens, (ushort)word.Length, (ushort)ids.Length);
        word.CopyTo(_units.AsSpan(_usedUnits));
        ids.CopyTo(_ids.AsSpan(_usedTokens));
        lengths.CopyTo(_lengths.AsSpan(_usedTokens));
        _usedUnits += word.Length;
        _usedTokens += ids.Length;
        _words++;
    }

    /// <summary>A fast hash of a word.</summary>
    public static uint Hash(ReadOnlySpan<char> word)
    {
        ulong hash = (ulong)word.Length * 0x9E3779B97F4A7C15;
        var units = MemoryMarshal.Cast<char, ulong>(word);
        foreach (ulong four in units) hash = Mix(hash ^ four);
        foreach (char unit in word[(4 * units.Length)..]) hash = (hash ^ unit) * 0x9FB21C651E98DF25;
        hash = Mix(hash);
        return (uint)(hash >> 32);
    }

    private static ulong Mix(ulong hash)
    {
        hash *= 0x9FB21C651E98DF25;
        return hash ^ (hash >> 29);
    }

    private ref Slot Find(ReadOnlySpan<char> word, uint hash)
    {
        var slots = _slots;
        int mask = slots.Length - 1;
        for (int at = (int)hash & mask; ; at = (at + 1) & mask)
        {
            ref var slot = ref slots[at];
            if (slot.Length == 0 || (slot.Hash == hash && slot.Length == word.Length && word.SequenceEqual(_units.AsSpan(slot.Units, slot.Length)))) return ref slot;
        }
    }

    private void MakeRoom(int units, int tokens)
    {
        if (2 * _words >= MostSlots || _usedUnits + units > MostUnits || _usedTokens + tokens > MostTokens)
        {
            Array.Clear(_slots);
            (_words, _usedUnits, _usedTokens) = (0, 0, 0);
        }
        if (2 * _words >= _slots.Length) Grow();
        while (_usedUnits + units > _units.Length) Array.Resize(ref _units, 2 * _units.Length);
        while (_usedTokens + tokens > _ids.Length)
        {
            Array.Resize(ref _ids, 2 * _ids.Length);
            Array.Resize(ref _lengths, 2 * _lengths.Length);
        }
    }

    private void Grow()
    {
        var old = _slots;
        _slots = new Slot[4 * old.Length];
        int mask = _slots.Length - 1;
        foreach (var slot in old)
        {
            if (slot.Length == 0) continue;
            int at = (int)slot.Hash & mask;
            while (_slots[at].Length > 0) at = (at + 1) & mask;
            _slots[at] = slot;
        }
    }

    private readonly record struct Slot(uint Hash, int Units, int Tokens, ushort Length, ushort Count);
}

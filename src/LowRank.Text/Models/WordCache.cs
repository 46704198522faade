namespace LowRank.Text.Models;

/// <summary>
/// Remembers the tokens of words met before. A newer word takes the place of an older one with the same hash, so it never grows;
/// an entry is written whole by one reference, so threads need no lock.
/// </summary>
internal sealed class WordCache
{
    private const int Places = 1 << 14, LongestWord = 128;
    private readonly Entry?[] _entries = new Entry?[Places];

    /// <summary>Appends the tokens of a word; false where it is not known.</summary>
    public bool TryGet(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (word.Length > LongestWord || _entries[WordHash.Of(word) & (Places - 1)] is not { } entry || !word.SequenceEqual(entry.Word)) return false;
        tokens.Add(entry.Ids, entry.Lengths);
        return true;
    }

    /// <summary>Remembers the tokens of a word, unless it is too long to come again.</summary>
    public void Set(ReadOnlySpan<byte> word, ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        if (word.Length <= LongestWord)
            _entries[WordHash.Of(word) & (Places - 1)] = new Entry(word.ToArray(), ids.ToArray(), lengths.ToArray());
    }

    private sealed record Entry(byte[] Word, int[] Ids, int[] Lengths);
}

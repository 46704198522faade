namespace LowRank.Text.Models;

/// <summary>
/// Where a word falls into parts that no merge can join: between two characters of the vocabulary that never end the left and begin the right side of one
/// merge. Families without a pre-tokenizer have whole texts for words, and become fast by this.
/// </summary>
internal sealed class BpeCuts
{
    private const int ShortWord = 16;
    private readonly HashSet<ulong> _joined = [];
    private readonly bool[] _known = new bool[0x10000];

    /// <summary>Takes the vocabulary's single characters.</summary>
    public BpeCuts(IEnumerable<string> vocabulary)
    {
        foreach (string token in vocabulary)
            if (token.Length == 1 && !char.IsSurrogate(token[0])) _known[token[0]] = true;
    }

    /// <summary>Takes a merge.</summary>
    public void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        if (left.Length > 0 && right.Length > 0) _joined.Add(Key(left[^1], right[0]));
    }

    /// <summary>Where the first part of a word from a place on ends: before or after a line end or tab, or before a blank's sign.</summary>
    public int Next(ReadOnlySpan<char> word, int from)
    {
        if (word.Length - from <= ShortWord) return word.Length;
        for (int i = from + 1; i < word.Length; i++)
        {
            char before = word[i - 1], after = word[i];
            if ((after is '\u2581' or ' ' or '\n' or '\t' || before is '\n' or '\t') && before != after && _known[before] && _known[after] && !_joined.Contains(Key(before, after))) return i;
        }
        return word.Length;
    }

    private static ulong Key(char left, char right) => ((ulong)left << 16) | right;
}

namespace LowRank.Text.Models;

/// <summary>Turns one word into tokens.</summary>
internal interface IModel
{
    /// <summary>One past the largest id.</summary>
    int Size { get; }
    /// <summary>The id of a token as it is written in the vocabulary; null where it has none.</summary>
    int? IdOf(string token);
    /// <summary>The token of an id; null where there is none.</summary>
    string? TokenOf(int id);
    /// <summary>The id whose token shows as the text it stands for (Unigram: the unknown id); -1 where there is none.</summary>
    int SelfNamedId => -1;
    /// <summary>The end of the first part of the word's rest that can be tokenized on its own with the same result.</summary>
    int NextCut(ReadOnlySpan<char> word, int from) => word.Length;
    /// <summary>Appends the tokens of a word given in UTF-8. Safe to call from several threads.</summary>
    void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens);
}

/// <summary>Tokens and how many bytes of the word each stands for (0: the same ones as the token before it); grows and is used again.</summary>
internal sealed class TokenBuffer
{
    private int[] _ids = new int[64], _lengths = new int[64];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }
    /// <summary>Their ids.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);
    /// <summary>Their lengths in bytes.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, Count);

    /// <summary>Removes all.</summary>
    public void Clear() => Count = 0;

    /// <summary>Removes all but the first ones.</summary>
    public void Shorten(int count) => Count = count;

    /// <summary>Appends one.</summary>
    public void Add(int id, int length)
    {
        if (Count == _ids.Length)
        {
            Array.Resize(ref _ids, 2 * Count);
            Array.Resize(ref _lengths, 2 * Count);
        }
        (_ids[Count], _lengths[Count]) = (id, length);
        Count++;
    }

    /// <summary>Lets the last one stand for more bytes.</summary>
    public void Lengthen(int bytes) => _lengths[Count - 1] += bytes;

    /// <summary>Appends several.</summary>
    public void Add(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        for (int i = 0; i < ids.Length; i++) Add(ids[i], lengths[i]);
    }
}

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
    /// <summary>Appends the tokens of a word given in UTF-8. Safe to call from several threads.</summary>
    void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens);
    /// <summary>The id whose token shows as the very text that it stands for; -1: none.</summary>
    int SelfNamedId => -1;
    /// <summary>Where the first part of <paramref name="word"/> from <paramref name="from"/> on ends that can be tokenized on its own, with the same result as in the whole.</summary>
    int NextCut(ReadOnlySpan<char> word, int from) => word.Length;
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
        if (Count == _ids.Length) Grow(Count + 1);
        (_ids[Count], _lengths[Count]) = (id, length);
        Count++;
    }

    /// <summary>Lets the last one stand for more bytes.</summary>
    public void Lengthen(int bytes) => _lengths[Count - 1] += bytes;

    /// <summary>Appends several.</summary>
    public void Add(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        if (Count + ids.Length > _ids.Length) Grow(Count + ids.Length);
        ids.CopyTo(_ids.AsSpan(Count));
        lengths.CopyTo(_lengths.AsSpan(Count));
        Count += ids.Length;
    }

    /// <summary>Appends ids whose lengths nobody asks for.</summary>
    public void AddIds(ReadOnlySpan<int> ids)
    {
        if (Count + ids.Length > _ids.Length) Grow(Count + ids.Length);
        if (ids.Length == 1) _ids[Count] = ids[0];
        else ids.CopyTo(_ids.AsSpan(Count));
        Count += ids.Length;
    }

    private void Grow(int least)
    {
        int size = Math.Max(least, 2 * _ids.Length);
        Array.Resize(ref _ids, size);
        Array.Resize(ref _lengths, size);
    }
}

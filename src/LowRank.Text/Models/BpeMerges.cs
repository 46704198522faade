namespace LowRank.Text.Models;

/// <summary>The learnt pairs, and the joining of a word by them.</summary>
internal sealed class BpeMerges
{
    private const int ShortWord = 32;
    private readonly PairTable _pairs = new();
    private int _count;

    [ThreadStatic]
    private static BpeLongWord? _longWord;

    /// <summary>Adds a pair; the first added is joined first. A pair given twice counts where it stood last.</summary>
    public void Add(int left, int right, int joined) => _pairs.Set(left, right, _count++, joined);

    /// <summary>Joins a word's symbols and appends the tokens that remain.</summary>
    public void Apply(TokenBuffer symbols, TokenBuffer tokens)
    {
        if (symbols.Count < 2) tokens.Add(symbols.Ids, symbols.Lengths);
        else if (symbols.Count <= ShortWord) ApplyShort(symbols, tokens);
        else (_longWord ??= new BpeLongWord()).Apply(_pairs, symbols, tokens);
    }

    // Most words are a few characters long: looking for the best pair again after each merge beats any cleverer structure there.
    private void ApplyShort(TokenBuffer symbols, TokenBuffer tokens)
    {
        int count = symbols.Count;
        Span<int> ids = stackalloc int[ShortWord], lengths = stackalloc int[ShortWord];
        Span<(int Rank, int Id)> pairs = stackalloc (int, int)[ShortWord];
        symbols.Ids.CopyTo(ids);
        symbols.Lengths.CopyTo(lengths);
        for (int i = 0; i + 1 < count; i++) pairs[i] = _pairs.Get(ids[i], ids[i + 1]);
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
            if (best > 0) pairs[best - 1] = _pairs.Get(ids[best - 1], ids[best]);
            if (best + 1 < count) pairs[best] = _pairs.Get(ids[best], ids[best + 1]);
        }
        tokens.Add(ids[..count], lengths[..count]);
    }
}

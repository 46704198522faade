namespace Outlet;

/// <summary>Byte-pair encoding (Sennrich et al. 2016) learnt from texts.</summary>
public static class BpeTrainer
{
    /// <summary>
    /// Learns a vocabulary of <paramref name="size"/> tokens. The most frequent neighbouring pair becomes a token, again and again;
    /// of equally frequent pairs the one that comes first in code point order, so that nothing hangs on the order of a dictionary.
    /// </summary>
    /// <exception cref="InvalidOperationException">The texts have too few pairs for that size.</exception>
    public static BpeVocabulary Train(IEnumerable<string> texts, int size)
    {
        var words = Count(texts);
        List<string> tokens = [BpeVocabulary.End, BpeVocabulary.Pad, .. ByteAlphabet.Characters.Select(c => c.ToString())];
        var known = tokens.ToHashSet(StringComparer.Ordinal);
        var merges = new List<(string, string)>();
        while (tokens.Count < size)
        {
            var (left, right) = MostFrequent(words) ?? throw new InvalidOperationException($"the texts give only {tokens.Count} tokens, not {size}");
            merges.Add((left, right));
            foreach (var word in words) word.Merge(left, right);
            if (known.Add(left + right)) tokens.Add(left + right);
        }
        return new BpeVocabulary(tokens, merges);
    }

    private static List<Word> Count(IEnumerable<string> texts)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string text in texts)
            foreach (string piece in ByteAlphabet.Pieces(text))
                counts[piece] = counts.GetValueOrDefault(piece) + 1;
        return [.. counts.Select(p => new Word(ByteAlphabet.Spell(p.Key), p.Value))];
    }

    private static (string, string)? MostFrequent(List<Word> words)
    {
        var pairs = new Dictionary<(string Left, string Right), int>();
        foreach (var word in words)
            for (int i = 0; i + 1 < word.Symbols.Count; i++)
            {
                var pair = (word.Symbols[i], word.Symbols[i + 1]);
                pairs[pair] = pairs.GetValueOrDefault(pair) + word.Count;
            }
        (string Left, string Right)? best = null;
        int count = 0;
        foreach (var (pair, n) in pairs)
            if (n > count || (n == count && Precedes(pair, best!.Value))) (best, count) = (pair, n);
        return best;
    }

    private static bool Precedes((string Left, string Right) a, (string Left, string Right) b)
        => string.CompareOrdinal(a.Left, b.Left) is var order && order != 0 ? order < 0 : string.CompareOrdinal(a.Right, b.Right) < 0;

    private sealed class Word(string spelling, int count)
    {
        public List<string> Symbols { get; } = [.. spelling.Select(c => c.ToString())];
        public int Count { get; } = count;

        public void Merge(string left, string right)
        {
            for (int i = 0; i + 1 < Symbols.Count; i++)
            {
                if (Symbols[i] != left || Symbols[i + 1] != right) continue;
                Symbols[i] = left + right;
                Symbols.RemoveAt(i + 1);
            }
        }
    }
}

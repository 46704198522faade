using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>How an n-gram order without a match is treated, so that it does not make the whole score 0.</summary>
public enum BleuSmoothing
{
    /// <summary>Halved for each such order (NIST's geometric sequence); the default.</summary>
    Exp,
    /// <summary>Counts as a small number of matches.</summary>
    Floor,
    /// <summary>A number is added to matches and totals of the orders above 1.</summary>
    AddK,
    /// <summary>Not at all.</summary>
    None,
}

/// <summary>A BLEU score and what it is made of.</summary>
/// <param name="Score">0 to 100.</param>
/// <param name="Precisions">Per order, in percent, smoothed.</param>
/// <param name="BrevityPenalty">1, or less where the output is shorter than the references.</param>
/// <param name="OutputLength">Tokens of the output.</param>
/// <param name="ReferenceLength">Tokens of the references nearest in length.</param>
public sealed record BleuScore(double Score, double[] Precisions, double BrevityPenalty, int OutputLength, int ReferenceLength);

/// <summary>BLEU (Papineni et al. 2002) with the numbers of sacrebleu 2.</summary>
public sealed class Bleu
{
    private readonly Func<string, string[]> _tokenize;
    private readonly bool _lowercase;
    private readonly BleuSmoothing _smoothing;
    private readonly double _smoothValue;
    private readonly int _maxOrder;

    /// <summary>Fixes the options; the defaults are sacrebleu's.</summary>
    /// <param name="tokenize">13a, intl, char or none.</param>
    /// <param name="lowercase">Whether case is ignored.</param>
    /// <param name="smoothing">See <see cref="BleuSmoothing"/>.</param>
    /// <param name="smoothValue">Floor's or add-k's number; null means 0.1 and 1.</param>
    /// <param name="maxOrder">The longest n-gram, at least 1.</param>
    /// <exception cref="BadInputException">The tokenizer does not exist.</exception>
    public Bleu(string tokenize = "13a", bool lowercase = false, BleuSmoothing smoothing = BleuSmoothing.Exp, double? smoothValue = null, int maxOrder = 4)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxOrder);
        var table = BleuTokenizers.Table;
        _tokenize = table.GetValueOrDefault(tokenize)
            ?? throw new BadInputException("a BLEU tokenizer that does not exist", tokenize, expected: "one of " + string.Join(", ", table.Keys), remedy: NearNames.Sentence(tokenize, table.Keys));
        (_lowercase, _smoothing, _maxOrder) = (lowercase, smoothing, maxOrder);
        _smoothValue = smoothValue ?? (smoothing == BleuSmoothing.Floor ? 0.1 : 1);
    }

    /// <summary>The score of a whole test set: counts are summed over all texts first.</summary>
    /// <param name="outputs">The generated texts.</param>
    /// <param name="references">For each, one or more references; their number may differ from text to text.</param>
    /// <param name="effectiveOrder">Whether orders longer than the texts are left out; for single sentences.</param>
    public BleuScore Corpus(IReadOnlyList<string> outputs, IReadOnlyList<IReadOnlyList<string>> references, bool effectiveOrder = false)
    {
        if (outputs.Count != references.Count) throw new ArgumentException($"{outputs.Count} outputs, but references of {references.Count}", nameof(references));
        var (matches, totals) = (new double[_maxOrder], new double[_maxOrder]);
        int outputLength = 0, referenceLength = 0;
        for (int i = 0; i < outputs.Count; i++)
        {
            var (own, nearest) = Count(outputs[i], references[i], matches, totals);
            outputLength += own;
            referenceLength += nearest;
        }
        return Combine(matches, totals, outputLength, referenceLength, effectiveOrder);
    }

    /// <summary>The score of one text; orders longer than it are left out.</summary>
    public BleuScore Sentence(string output, IReadOnlyList<string> references, bool effectiveOrder = true) => Corpus([output], [references], effectiveOrder);

    private (int Length, int NearestReference) Count(string output, IReadOnlyList<string> references, double[] matches, double[] totals)
    {
        if (references.Count == 0) throw new ArgumentException("a text without a reference", nameof(references));
        string[] tokens = Tokens(output);
        string[][] others = [.. references.Select(Tokens)];
        for (int n = 1; n <= _maxOrder; n++)
        {
            var most = new Dictionary<string, int>();
            foreach (string[] other in others)
                foreach (var (gram, count) in Grams(other, n))
                    most[gram] = Math.Max(count, most.GetValueOrDefault(gram));
            foreach (var (gram, count) in Grams(tokens, n))
            {
                totals[n - 1] += count;
                matches[n - 1] += Math.Min(count, most.GetValueOrDefault(gram));
            }
        }
        int nearest = others.Select(o => o.Length).OrderBy(l => Math.Abs(l - tokens.Length)).ThenBy(l => l).First();
        return (tokens.Length, nearest);
    }

    private BleuScore Combine(double[] matches, double[] totals, int outputLength, int referenceLength, bool effectiveOrder)
    {
        var precisions = new double[_maxOrder];
        double penalty = outputLength >= referenceLength ? 1 : outputLength == 0 ? 0 : Math.Exp(1 - referenceLength / (double)outputLength);
        if (matches.All(m => m == 0)) return new BleuScore(0, precisions, penalty, outputLength, referenceLength);

        double halved = 1, k = _smoothing == BleuSmoothing.AddK ? _smoothValue : 0;
        int order = _maxOrder;
        for (int n = 0; n < _maxOrder; n++)
        {
            double match = matches[n] + (n > 0 ? k : 0), total = totals[n] + (n > 0 ? k : 0);
            if (total == 0) break;
            if (effectiveOrder) order = n + 1;
            if (match == 0 && _smoothing == BleuSmoothing.Exp) match = 1 / (halved *= 2);
            else if (match == 0 && _smoothing == BleuSmoothing.Floor) match = _smoothValue;
            precisions[n] = 100 * match / total;
        }
        // An order without any match makes the geometric mean 0.
        double logs = precisions.Take(order).Sum(p => p == 0 ? double.NegativeInfinity : Math.Log(p));
        return new BleuScore(penalty * Math.Exp(logs / order), precisions, penalty, outputLength, referenceLength);
    }

    /// <summary>The tokens that scores are made of.</summary>
    public string[] Tokens(string text) => _tokenize((_lowercase ? text.ToLowerInvariant() : text).TrimEnd());

    private static Dictionary<string, int> Grams(string[] tokens, int n)
    {
        var counts = new Dictionary<string, int>();
        for (int i = 0; i + n <= tokens.Length; i++)
        {
            // Tokens hold no blank, so the joined text is unambiguous.
            string gram = n == 1 ? tokens[i] : string.Join(' ', tokens, i, n);
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }
}

using System.Text;

namespace LowRank.Training;

/// <summary>A ROUGE score, each number 0..1.</summary>
/// <param name="Precision">The share of the output that is in the reference.</param>
/// <param name="Recall">The share of the reference that is in the output.</param>
/// <param name="FMeasure">Their harmonic mean.</param>
public sealed record RougeScore(double Precision, double Recall, double FMeasure)
{
    internal static RougeScore Of(double hits, int output, int reference)
    {
        if (output == 0 || reference == 0) return new RougeScore(0, 0, 0);
        double p = hits / output, r = hits / reference;
        return new RougeScore(p, r, p + r > 0 ? 2 * p * r / (p + r) : 0);
    }
}

/// <summary>ROUGE (Lin 2004) with the numbers of the rouge_score package.</summary>
/// <param name="useStemmer">Whether words are cut down to their stems first (Porter's, words longer than three letters).</param>
public sealed class Rouge(bool useStemmer = false)
{
    /// <summary>Common n-grams: ROUGE-1, ROUGE-2, ….</summary>
    /// <param name="output">The generated text.</param>
    /// <param name="reference">What it is compared with.</param>
    /// <param name="n">The length of the n-grams.</param>
    public RougeScore N(string output, string reference, int n)
    {
        var (own, other) = (Grams(Tokens(output), n), Grams(Tokens(reference), n));
        int hits = own.Sum(g => Math.Min(g.Value, other.GetValueOrDefault(g.Key)));
        return RougeScore.Of(hits, own.Values.Sum(), other.Values.Sum());
    }

    /// <summary>The longest common subsequence of the whole texts: ROUGE-L.</summary>
    public RougeScore L(string output, string reference)
    {
        var (own, other) = (Tokens(output), Tokens(reference));
        return RougeScore.Of(CommonPlaces(other, own).Count, own.Length, other.Length);
    }

    /// <summary>ROUGE-L by sentences, which are lines: for each of the reference's, the union of its common subsequences with all of the output's.</summary>
    public RougeScore LSum(string output, string reference)
    {
        var (own, other) = (Sentences(output), Sentences(reference));
        var (ownLeft, otherLeft) = (Counts(own), Counts(other));
        int hits = 0;
        foreach (string[] sentence in other)
            foreach (int place in own.SelectMany(o => CommonPlaces(sentence, o)).Distinct().Order())
            {
                string word = sentence[place];
                if (ownLeft.GetValueOrDefault(word) == 0 || otherLeft[word] == 0) continue;
                ownLeft[word]--;
                otherLeft[word]--;
                hits++;
            }
        return RougeScore.Of(hits, own.Sum(s => s.Length), other.Sum(s => s.Length));
    }

    /// <summary>The best F-measure over several references.</summary>
    /// <param name="references">At least one.</param>
    /// <param name="score">Such as <c>r => rouge.L(output, r)</c>.</param>
    public static RougeScore Best(IEnumerable<string> references, Func<string, RougeScore> score) => references.Select(score).MaxBy(s => s.FMeasure)!;

    /// <summary>Lower-case words of ASCII letters and digits; everything else separates.</summary>
    public string[] Tokens(string text)
    {
        var words = new StringBuilder();
        foreach (char c in text.ToLowerInvariant()) words.Append(c is (>= 'a' and <= 'z') or (>= '0' and <= '9') ? c : ' ');
        return [.. words.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => useStemmer && w.Length > 3 ? PorterStemmer.Stem(w) : w)];
    }

    private string[][] Sentences(string text) => [.. text.Split('\n').Select(Tokens)];

    private static Dictionary<string, int> Counts(string[][] sentences) => sentences.SelectMany(s => s).CountBy(w => w).ToDictionary();

    private static Dictionary<string, int> Grams(string[] tokens, int n)
    {
        var counts = new Dictionary<string, int>();
        for (int i = 0; i + n <= tokens.Length; i++)
        {
            string gram = string.Join(' ', tokens, i, n);
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    /// <summary>The places in <paramref name="a"/> of a longest common subsequence; of several, the one the reference package finds.</summary>
    private static List<int> CommonPlaces(string[] a, string[] b)
    {
        var length = new int[a.Length + 1, b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
            for (int j = 1; j <= b.Length; j++)
                length[i, j] = a[i - 1] == b[j - 1] ? length[i - 1, j - 1] + 1 : Math.Max(length[i - 1, j], length[i, j - 1]);
        var places = new List<int>();
        for (int i = a.Length, j = b.Length; i > 0 && j > 0;)
        {
            if (a[i - 1] == b[j - 1]) { places.Add(--i); j--; }
            else if (length[i, j - 1] > length[i - 1, j]) j--;
            else i--;
        }
        return places;
    }
}

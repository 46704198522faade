using System.Text.RegularExpressions;

namespace LowRank.Training;

/// <summary>Whether a generated text is a reference, exactly or as the SQuAD evaluation sees it; with several references the best one counts.</summary>
public static partial class ExactMatch
{
    /// <summary>1 where the text equals a reference; white space at both ends is ignored unless <paramref name="strip"/> is false.</summary>
    public static double Plain(string output, IReadOnlyList<string> references, bool strip = true)
        => references.Any(r => strip ? r.Trim() == output.Trim() : r == output) ? 1 : 0;

    /// <summary>1 where the normalised texts are equal.</summary>
    public static double Squad(string output, IReadOnlyList<string> references)
    {
        string own = Normalise(output);
        return references.Any(r => Normalise(r) == own) ? 1 : 0;
    }

    /// <summary>The F1 measure of the normalised texts' common words, 0..1; two texts without words agree.</summary>
    public static double SquadF1(string output, IReadOnlyList<string> references) => references.Max(r => F1(Words(output), Words(r)));

    /// <summary>Lower case, without ASCII punctuation and English articles, single blanks.</summary>
    public static string Normalise(string text)
    {
        string bare = string.Concat(text.ToLowerInvariant().Where(c => !(c < 128 && (char.IsPunctuation(c) || char.IsSymbol(c)))));
        return string.Join(' ', Articles().Replace(bare, " ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string[] Words(string text) => Normalise(text).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static double F1(string[] output, string[] reference)
    {
        if (output.Length == 0 || reference.Length == 0) return output.Length == reference.Length ? 1 : 0;
        var left = reference.CountBy(w => w).ToDictionary();
        int common = 0;
        foreach (string word in output)
            if (left.GetValueOrDefault(word) > 0) { left[word]--; common++; }
        return common == 0 ? 0 : 2.0 * common / (output.Length + reference.Length);
    }

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();
}

namespace LowRank.Training;

/// <summary>Porter's stemmer (1980) with the departures that NLTK makes by default, which ROUGE's reference package uses.</summary>
internal static class PorterStemmer
{
    private static readonly Dictionary<string, string> Irregular = new()
    {
        ["sky"] = "sky", ["skies"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["news"] = "news",
        ["innings"] = "inning", ["inning"] = "inning", ["outings"] = "outing", ["outing"] = "outing", ["cannings"] = "canning", ["canning"] = "canning",
        ["howe"] = "howe", ["proceed"] = "proceed", ["exceed"] = "exceed", ["succeed"] = "succeed",
    };

    private static readonly (string Suffix, string Replacement)[] Step2Rules =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"),
        ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"),
        ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Suffix, string Replacement)[] Step3Rules =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] Step4Suffixes =
        ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"];

    /// <summary>The stem of a lower-case word.</summary>
    public static string Stem(string word)
    {
        if (Irregular.TryGetValue(word, out string? stem)) return stem;
        if (word.Length <= 2) return word;
        return Step5(Step4(Step3(Step2(Step1C(Step1B(Step1A(word)))))));
    }

    // Plurals.
    private static string Step1A(string w)
    {
        if (w.EndsWith("ies") && w.Length == 4) return w[..^1];
        if (w.EndsWith("sses") || w.EndsWith("ies")) return w[..^2];
        return w.EndsWith('s') && !w.EndsWith("ss") ? w[..^1] : w;
    }

    // Past tenses and -ing.
    private static string Step1B(string w)
    {
        if (w.EndsWith("ied")) return w.Length == 4 ? w[..^1] : w[..^2];
        if (w.EndsWith("eed")) return Measure(w[..^3]) > 0 ? w[..^1] : w;
        string? stem = w.EndsWith("ed") && HasVowel(w[..^2]) ? w[..^2] : w.EndsWith("ing") && HasVowel(w[..^3]) ? w[..^3] : null;
        if (stem is null) return w;
        if (stem.EndsWith("at") || stem.EndsWith("bl") || stem.EndsWith("iz")) return stem + "e";
        if (stem.Length >= 2 && stem[^1] == stem[^2] && IsConsonant(stem, stem.Length - 1)) return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
        return Measure(stem) == 1 && EndsShort(stem) ? stem + "e" : stem;
    }

    private static string Step1C(string w) => w.EndsWith('y') && w.Length > 2 && IsConsonant(w, w.Length - 2) ? w[..^1] + "i" : w;

    private static string Step2(string w)
    {
        if (w.EndsWith("alli") && Measure(w[..^4]) > 0) return Step2(w[..^2]);
        foreach (var rule in Step2Rules)
            if (w.EndsWith(rule.Suffix)) return Replaced(w, rule);
        return w.EndsWith("logi") && Measure(w[..^3]) > 0 ? w[..^1] : w;
    }

    private static string Step3(string w)
    {
        foreach (var rule in Step3Rules)
            if (w.EndsWith(rule.Suffix)) return Replaced(w, rule);
        return w;
    }

    private static string Step4(string w)
    {
        foreach (string suffix in Step4Suffixes)
        {
            if (!w.EndsWith(suffix)) continue;
            string stem = w[..^suffix.Length];
            return Measure(stem) > 1 && (suffix != "ion" || stem[^1] is 's' or 't') ? stem : w;
        }
        return w;
    }

    // A last e, a doubled l.
    private static string Step5(string w)
    {
        if (w.EndsWith('e') && (Measure(w[..^1]) > 1 || (Measure(w[..^1]) == 1 && !EndsShort(w[..^1])))) w = w[..^1];
        return w.EndsWith("ll") && Measure(w[..^1]) > 1 ? w[..^1] : w;
    }

    private static string Replaced(string w, (string Suffix, string Replacement) rule)
        => Measure(w[..^rule.Suffix.Length]) > 0 ? w[..^rule.Suffix.Length] + rule.Replacement : w;

    private static bool IsConsonant(string w, int i) => w[i] switch
    {
        'a' or 'e' or 'i' or 'o' or 'u' => false,
        'y' => i == 0 || !IsConsonant(w, i - 1),
        _ => true,
    };

    private static bool HasVowel(string w) => Enumerable.Range(0, w.Length).Any(i => !IsConsonant(w, i));

    /// <summary>How often a vowel is followed by a consonant.</summary>
    private static int Measure(string w) => Enumerable.Range(1, Math.Max(0, w.Length - 1)).Count(i => !IsConsonant(w, i - 1) && IsConsonant(w, i));

    /// <summary>Consonant, vowel, consonant other than w, x, y at the end; or a word of vowel and consonant.</summary>
    private static bool EndsShort(string w)
        => (w.Length >= 3 && IsConsonant(w, w.Length - 3) && !IsConsonant(w, w.Length - 2) && IsConsonant(w, w.Length - 1) && w[^1] is not ('w' or 'x' or 'y'))
            || (w.Length == 2 && !IsConsonant(w, 0) && IsConsonant(w, 1));
}

using static LowRank.Text.Unicode;

namespace LowRank.Text.Patterns;

/// <summary>The expressions of widely used tokenizers that are written by hand, because that is faster than running them.</summary>
internal static class PublishedPatterns
{
    private static readonly Dictionary<string, IPattern> Table = new(StringComparer.Ordinal)
    {
        [Gpt2Pattern.Source] = new Gpt2Pattern(),
        [Gpt4Pattern.Source3] = new Gpt4Pattern(digits: 3),
        [Gpt4Pattern.Source1] = new Gpt4Pattern(digits: 1),
    };

    /// <summary>Their sources.</summary>
    public static IEnumerable<string> Sources => Table.Keys;

    /// <summary>The pattern of a source; null where it is none of them.</summary>
    public static IPattern? Find(string source) => Table.GetValueOrDefault(source);
}

/// <summary>GPT-2's regular expression by hand: contractions, words, numbers and other runs with at most one blank before them, blanks.</summary>
internal sealed class Gpt2Pattern : IPattern
{
    /// <summary>The expression it stands for.</summary>
    public const string Source = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (int i = 0, end; i < text.Length; i = end)
        {
            end = Next(text, i);
            matches.Add((i, end));
        }
    }

    private static int Next(ReadOnlySpan<char> text, int i)
    {
        if (text[i] == '\'' && Contraction.Length(text[i..], ignoreCase: false) is > 0 and int length) return i + length;
        int j = text[i] == ' ' && i + 1 < text.Length && !IsSpace(At(text, i + 1, out _)) ? i + 1 : i;
        int first = At(text, j, out _);
        if (IsLetter(first)) return Run.Letters(text, j);
        if (IsNumber(first)) return Run.Numbers(text, j, int.MaxValue);
        return IsSpace(first) ? Run.BlanksBeforeWord(text, i, Run.Blanks(text, i)) : Run.Others(text, j);
    }
}

/// <summary>
/// The regular expression of GPT-4, Llama 3 and Qwen 2 by hand: contractions in any case, words with at most one other character before them,
/// numbers of up to three (Qwen: single) digits, other runs with the line ends after them, blanks up to the last line end.
/// </summary>
internal sealed class Gpt4Pattern(int digits) : IPattern
{
    /// <summary>The expression it stands for, with numbers of up to three digits.</summary>
    public const string Source3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    /// <summary>The expression it stands for, with each digit alone.</summary>
    public const string Source1 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public void FindMatches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (int i = 0, end; i < text.Length; i = end)
        {
            end = Next(text, i);
            matches.Add((i, end));
        }
    }

    private int Next(ReadOnlySpan<char> text, int i)
    {
        int first = At(text, i, out int length);
        if (first == '\'' && Contraction.Length(text[i..], ignoreCase: true) is > 0 and int contraction) return i + contraction;
        if (IsLetter(first)) return Run.Letters(text, i);
        if (IsNumber(first)) return Run.Numbers(text, i, digits);
        int next = i + length < text.Length ? At(text, i + length, out _) : -1;
        if (next >= 0 && first is not ('\r' or '\n') && IsLetter(next)) return Run.Letters(text, i + length);
        if (!IsSpace(first)) return Run.LineEnds(text, Run.Others(text, i));
        if (first == ' ' && next >= 0 && IsOther(next)) return Run.LineEnds(text, Run.Others(text, i + 1));
        int end = Run.Blanks(text, i), lineEnd = text[i..end].LastIndexOfAny('\r', '\n');
        return lineEnd >= 0 ? i + lineEnd + 1 : Run.BlanksBeforeWord(text, i, end);
    }
}

/// <summary>The English contractions that these expressions cut off.</summary>
internal static class Contraction
{
    /// <summary>The length of the one that the text begins with (its first character is the apostrophe); 0 where there is none.</summary>
    public static int Length(ReadOnlySpan<char> text, bool ignoreCase)
    {
        if (text.Length < 2) return 0;
        switch (Fold(text[1], ignoreCase))
        {
            case 's' or 't' or 'm' or 'd': return 2;
            case 'r' or 'v': return text.Length > 2 && Fold(text[2], ignoreCase) == 'e' ? 3 : 0;
            case 'l': return text.Length > 2 && Fold(text[2], ignoreCase) == 'l' ? 3 : 0;
            default: return 0;
        }
    }

    // U+017F, the long s, is an s to a matcher that ignores case.
    private static char Fold(char c, bool ignoreCase) => !ignoreCase ? c : c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;
}

/// <summary>Where runs of one kind of character end.</summary>
internal static class Run
{
    /// <summary>The end of the letters from <paramref name="i"/> on.</summary>
    public static int Letters(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && IsLetter(At(text, i, out int length))) i += length;
        return i;
    }

    /// <summary>The end of at most so many numeric characters.</summary>
    public static int Numbers(ReadOnlySpan<char> text, int i, int most)
    {
        for (; most > 0 && i < text.Length && IsNumber(At(text, i, out int length)); most--) i += length;
        return i;
    }

    /// <summary>The end of what is neither letter nor number nor blank.</summary>
    public static int Others(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && IsOther(At(text, i, out int length))) i += length;
        return i;
    }

    /// <summary>The end of the blanks.</summary>
    public static int Blanks(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && IsSpace(text[i])) i++;
        return i;
    }

    /// <summary>The end of the line ends.</summary>
    public static int LineEnds(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && text[i] is '\r' or '\n') i++;
        return i;
    }

    /// <summary>Blanks [start, end) leave their last one to the word that follows, if any.</summary>
    public static int BlanksBeforeWord(ReadOnlySpan<char> text, int start, int end) => end < text.Length && end - start > 1 ? end - 1 : end;
}

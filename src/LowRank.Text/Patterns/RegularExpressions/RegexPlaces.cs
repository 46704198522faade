namespace LowRank.Text.Patterns;

/// <summary>The questions of an expression that take no character: places and repeated groups.</summary>
internal static class RegexPlaces
{
    /// <summary>Whether a place is what an anchor asks for. Lines end at \n alone, and `^` does not hold after a last one.</summary>
    public static bool Holds(RegexPlace place, ReadOnlySpan<char> text, int at, int searchStart) => place switch
    {
        RegexPlace.LineStart => at == 0 || (at < text.Length && text[at - 1] == '\n'),
        RegexPlace.LineEnd => at == text.Length || text[at] == '\n',
        RegexPlace.TextStart => at == 0,
        RegexPlace.TextEnd => at == text.Length,
        RegexPlace.TextEndOrLastLineEnd => at == text.Length || (at == text.Length - 1 && text[at] == '\n'),
        RegexPlace.WordEdge => IsEdge(text, at),
        RegexPlace.NoWordEdge => !IsEdge(text, at),
        _ => at == searchStart,
    };

    /// <summary>Whether the text of a group stands at a place again; the place moves behind it.</summary>
    public static bool Repeats((IReadOnlyList<int> Numbers, bool IgnoreCase) reference, int[] registers, ReadOnlySpan<char> text, ref int at)
    {
        for (int i = reference.Numbers.Count - 1; i >= 0; i--)
        {
            int start = registers[2 * reference.Numbers[i]], end = registers[2 * reference.Numbers[i] + 1];
            if (start < 0 || end < start) continue;
            var group = text[start..end];
            if (text.Length - at < group.Length || !Equal(group, text.Slice(at, group.Length), reference.IgnoreCase)) return false;
            at += group.Length;
            return true;
        }
        return false;
    }

    private static bool Equal(ReadOnlySpan<char> a, ReadOnlySpan<char> b, bool ignoreCase)
    {
        for (int i = 0; i < a.Length; i++)
            if (a[i] != b[i] && !(ignoreCase && CaseFolding.Fold(a[i]) == CaseFolding.Fold(b[i]))) return false;
        return true;
    }

    private static bool IsEdge(ReadOnlySpan<char> text, int at)
    {
        var word = UnicodeProperties.WordAlone;
        bool before = at > 0 && word.Contains(Unicode.Before(text, at)), after = at < text.Length && word.Contains(Unicode.At(text, at, out _));
        return before != after;
    }
}

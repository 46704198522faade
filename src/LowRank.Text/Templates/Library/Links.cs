using System.Text.RegularExpressions;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Turns a word that is an address into a link.</summary>
internal static partial class Links
{
    private static readonly (string Open, string Close)[] Pairs = [("(", ")"), ("<", ">"), ("&lt;", "&gt;")];

    /// <summary>The word, linked if it is an address, the marks around it left outside.</summary>
    public static string Word(string word, int? limit, string extra, string[] schemes)
    {
        if (word.Length > 4000) return word; // no address is that long
        int start = 0, end = word.Length;
        while (Opening(word.AsSpan(start)) is > 0 and var n) start += n;
        while (end > start && Closing(word.AsSpan(start, end - start)) is > 0 and var n) end -= n;
        string head = word[..start], middle = word[start..end], tail = word[end..];
        foreach (var (open, close) in Pairs)
        {
            int opened = Count(middle, open);
            if (opened <= Count(middle, close)) continue;
            for (int i = Math.Min(opened, Count(tail, close)); i > 0; i--)
            {
                int cut = tail.IndexOf(close, StringComparison.Ordinal) + close.Length;
                (middle, tail) = (middle + tail[..cut], tail[cut..]);
            }
        }
        return head + Link(middle, limit, extra, schemes) + tail;
    }

    private static string Link(string text, int? limit, string extra, string[] schemes)
    {
        if (Address().IsMatch(text))
        {
            string scheme = text.StartsWith("https://", StringComparison.Ordinal) || text.StartsWith("http://", StringComparison.Ordinal) ? "" : "https://";
            string shown = limit is { } n && new Str(text) is var s && s.Length > n ? s.Sub(0, Math.Max(n, 0)).Text + "..." : text;
            return $"<a href=\"{scheme}{text}\"{extra}>{shown}</a>";
        }
        if (text.StartsWith("mailto:", StringComparison.Ordinal) && Mail().IsMatch(text[7..])) return $"<a href=\"{text}\">{text[7..]}</a>";
        if (text.Contains('@') && !text.StartsWith("www.", StringComparison.Ordinal) && !text.StartsWith('@') && !text.Contains(':') && Mail().IsMatch(text)) return $"<a href=\"mailto:{text}\">{text}</a>";
        foreach (string scheme in schemes)
            if (text != scheme && text.StartsWith(scheme, StringComparison.Ordinal)) return $"<a href=\"{text}\"{extra}>{text}</a>";
        return text;
    }

    private static int Opening(ReadOnlySpan<char> text) => text.StartsWith("&lt;") ? 4 : text.Length > 0 && text[0] is '(' or '<' ? 1 : 0;

    private static int Closing(ReadOnlySpan<char> text) => text.EndsWith("&gt;") ? 4 : text[^1] is ')' or '>' or '.' or ',' or '\n' ? 1 : 0;

    private static int Count(string text, string part) => text.AsSpan().Count(part);

    [GeneratedRegex(@"^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|https?://(\d{1,3}(\.\d{1,3}){3}|\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\]))(:\d{1,5})?([/?#]\S*)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Address();

    [GeneratedRegex(@"^\S+@\w[\w.-]*\.\w+$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Mail();
}

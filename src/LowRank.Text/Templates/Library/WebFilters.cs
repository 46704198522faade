using System.Globalization;
using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters for HTML and addresses.</summary>
internal static class WebFilters
{
    public static readonly Builtin[] All =
    [
        new("striptags", "", (run, v, _) => StripTags(run, PythonText.Of(v, run))),
        new("urlencode", "", UrlEncode),
        new("urlize", "trim_url_limit=, nofollow=, target=, rel=, extra_schemes=", Urlize),
        new("xmlattr", "autospace=", XmlAttributes),
    ];

    private static Str StripTags(Run run, string text)
    {
        run.Charge(1 + (text.Length >> 2));
        text = Without(Without(text, "<!--", "-->"), "<", ">");
        var words = Splitting.AtBlanks(text, -1, fromEnd: false);
        return new Str(HtmlText.Unescape(string.Join(' ', words)));
    }

    private static string Without(string text, string open, string close)
    {
        // What closes one part may join two pieces into an opening again, so each round starts where that can happen.
        var kept = new StringBuilder();
        int at = 0;
        while (true)
        {
            int start = text.IndexOf(open, at, StringComparison.Ordinal);
            int end = start < 0 ? -1 : text.IndexOf(close, start, StringComparison.Ordinal);
            if (end < 0) return kept.Append(text, at, text.Length - at).ToString();
            kept.Append(text, at, start - at);
            at = end + close.Length;
        }
    }

    private static Str UrlEncode(Run run, Value value, Value?[] _)
    {
        if (value is Str || !Iteration.IsIterable(value) || value is Undefined) return new Str(Quote(run, value, "/"));
        var pairs = value is DictValue dict ? dict.Pairs() : Iteration.Items(run, value);
        return new Str(string.Join('&', pairs.Select(p => Iteration.Unpack(run, p, 2)).Select(p => $"{Quote(run, p[0], "").Replace("%20", "+", StringComparison.Ordinal)}={Quote(run, p[1], "").Replace("%20", "+", StringComparison.Ordinal)}")));
    }

    private static string Quote(Run run, Value value, string safe)
    {
        string text = PythonText.Of(value, run);
        run.ChargeLength(text.Length * 3L);
        var quoted = new StringBuilder(text.Length);
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(text))
            _ = char.IsAsciiLetterOrDigit((char)b) || "_.-~".Contains((char)b) || safe.Contains((char)b) ? quoted.Append((char)b) : quoted.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        return quoted.ToString();
    }

    private static Str XmlAttributes(Run run, Value value, Value?[] a)
    {
        if (value is not DictValue dict) throw value is Undefined u ? u.Error() : new Undefined(new Str("items"), value).Error();
        var text = new StringBuilder();
        for (int i = 0; i < dict.Count; i++)
        {
            var (key, item) = dict.At(i);
            if (item is None or Undefined) continue;
            string name = StringMethods.Text(key);
            if (name.AsSpan().IndexOfAny("\t\n\v\f\r />=") >= 0) throw Fail.Runtime($"Invalid character in attribute name: {PythonText.Repr(key)}");
            if (text.Length > 0) text.Append(' ');
            text.Append(Markup.Escape(key, run).Text).Append("=\"").Append(Markup.Escape(item, run).Text).Append('"');
            run.ChargeLength(text.Length, int.MaxValue);
        }
        if (text.Length > 0 && a[0] is null or { IsTrue: true }) text.Insert(0, ' ');
        return new Str(text.Length == 1 ? "" : text.ToString(), run.AutoEscape);
    }

    private static Str Urlize(Run run, Value value, Value?[] a)
    {
        string text = Markup.Escape(value, run).Text;
        run.ChargeLength(text.Length * 8L);
        int? limit = a[0] is null or None ? null : StringMethods.Whole(a[0], 0);
        SortedSet<string> rel = new(StringComparer.Ordinal) { "noopener" };
        if (a[3] is Str given) rel.UnionWith(Splitting.AtBlanks(given.Text, -1, fromEnd: false));
        if (a[1] is { IsTrue: true }) rel.Add("nofollow");
        string extra = $" rel=\"{Markup.Force(string.Join(' ', rel), run).Text}\"";
        if (a[2] is Str { IsTrue: true } target) extra += $" target=\"{Markup.Escape(target, run).Text}\"";
        string[] schemes = a[4] is null or None ? [] : [.. Iteration.Items(run, a[4]!).Select(StringMethods.Text)];
        var linked = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int start = i;
            while (i < text.Length && PythonChar.IsSpace(text[i])) i++;
            linked.Append(text, start, i - start);
            start = i;
            while (i < text.Length && !PythonChar.IsSpace(text[i])) i++;
            if (i > start) linked.Append(Links.Word(text[start..i], limit, extra, schemes));
        }
        return new Str(linked.ToString(), run.AutoEscape);
    }
}

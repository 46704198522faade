using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters that lay text out.</summary>
internal static class LayoutFilters
{
    public static readonly Builtin[] All =
    [
        new("indent", "width=, first=, blank=", Indent),
        new("truncate", "length=, killwords=, end=, leeway=", Truncate),
        new("wordwrap", "width=, break_long_words=, wrapstring=, break_on_hyphens=", WordWrap),
    ];

    private static Str Indent(Run run, Value value, Value?[] a)
    {
        if (value is not Str s) throw value is Undefined u ? u.Error() : Fail.Runtime($"unsupported operand type(s) for +=: '{value.TypeName}' and 'str'");
        string by = a[0] is Str t ? t.Text : Repeated(run, ' ', a[0] is null ? 4 : StringMethods.Whole(a[0], 4));
        bool first = a[1] is { IsTrue: true }, blank = a[2] is { IsTrue: true };
        if (s.IsMarkup && a[0] is Str plain) by = Markup.Escape(plain, run).Text;
        var lines = StringMethods.Lines(s.Text + "\n", keepEnds: false);
        run.ChargeLength(s.Text.Length + ((long)lines.Count * (by.Length + 1)));
        var text = new StringBuilder();
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0) text.Append('\n');
            if (i == 0 ? first : blank || lines[i].Length > 0) text.Append(by);
            text.Append(lines[i]);
        }
        return new Str(text.ToString(), s.IsMarkup);
    }

    private static string Repeated(Run run, char c, int count)
    {
        run.ChargeLength(Math.Max(count, 0));
        return new string(c, Math.Max(count, 0));
    }

    private static Value Truncate(Run run, Value value, Value?[] a)
    {
        var end = a[2] is null ? new Str("...") : new Str(StringMethods.Text(a[2]));
        int length = StringMethods.Whole(a[0], 255), leeway = a[3] is null or None ? 5 : StringMethods.Whole(a[3], 5);
        if (length < end.Length) throw Fail.Runtime($"expected length >= {end.Length}, got {length}");
        if (leeway < 0) throw Fail.Runtime($"expected leeway >= 0, got {leeway}");
        if (Iteration.Length(value) <= (long)length + leeway) return value;
        if (value is not Str s) throw Fail.Runtime($"'{value.TypeName}' object cannot be truncated");
        run.Charge(s.Weight);
        string kept = s.Sub(0, length - end.Length).Text;
        if (a[1] is not { IsTrue: true } && kept.LastIndexOf(' ') is >= 0 and var blank) kept = kept[..blank];
        return new Str(kept + end.Text, s.IsMarkup);
    }

    private static Str WordWrap(Run run, Value value, Value?[] a)
    {
        if (value is not Str s) throw value is Undefined u ? u.Error() : new Undefined(new Str("splitlines"), value).Error();
        int width = StringMethods.Whole(a[0], 79);
        bool breaks = a[1] is null or { IsTrue: true }, hyphens = a[3] is null or { IsTrue: true };
        string with = a[2] is null or None ? "\n" : StringMethods.Text(a[2]);
        var lines = StringMethods.Lines(s.Text, keepEnds: false);
        run.Charge(s.Text.Length + 1);
        string[] wrapped = [.. lines.Select(l => string.Join(with, new Wrapping(width, breaks, hyphens).Lines(l)))];
        run.ChargeLength(wrapped.Sum(w => (long)w.Length + with.Length));
        return new Str(string.Join(with, wrapped), s.IsMarkup);
    }
}

using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Finding text in text, by code points.</summary>
internal static class StringSearch
{
    /// <summary>str.find and str.rfind; -1 where it is not there.</summary>
    public static int Find(Str s, Value?[] a, bool last)
    {
        int length = s.Length;
        string sub = StringMethods.Text(a[0]);
        var (start, stop) = StringMethods.Bounds(a[1], a[2], length);
        if (start > stop || (a[1] is not null && StringMethods.Whole(a[1] is None ? null : a[1], 0) > length)) return -1;
        var span = s.Text.AsSpan(s.Offset(start)..s.Offset(stop));
        if (sub.Length == 0) return last ? stop : start;
        int at = last ? span.LastIndexOf(sub, StringComparison.Ordinal) : span.IndexOf(sub, StringComparison.Ordinal);
        return at < 0 ? -1 : s.PointAt(s.Offset(start) + at);
    }

    /// <summary>The place, or index's error.</summary>
    public static int Found(int at) => at >= 0 ? at : throw Fail.Runtime("substring not found");

    /// <summary>str.count</summary>
    public static int Count(Str s, Value?[] a)
    {
        string sub = StringMethods.Text(a[0]);
        var (start, stop) = StringMethods.Bounds(a[1], a[2], s.Length);
        if (start > stop) return 0;
        if (sub.Length == 0) return stop - start + 1;
        return s.Text.AsSpan(s.Offset(start)..s.Offset(stop)).Count(sub);
    }

    /// <summary>str.startswith and str.endswith, of one text or of any of several.</summary>
    public static bool Affix(Run run, Str s, Value?[] a, string name, Func<string, string, bool> has)
    {
        string text = s.Text;
        if (a[1] is not null || a[2] is not null)
        {
            if (a[1] is not null and not None && StringMethods.Whole(a[1], 0) > s.Length) return false;
            var (start, stop) = StringMethods.Bounds(a[1], a[2], s.Length);
            if (start > stop) return false;
            text = s.Sub(start, stop).Text;
        }
        var affixes = a[0] is TupleValue t ? t.Items : [a[0]!];
        run.Charge(affixes.Length);
        foreach (var affix in affixes)
        {
            if (affix is not Str p) throw affix is Undefined u ? u.Error() : Fail.Runtime($"{name} first arg must be str or a tuple of str, not {affix.TypeName}");
            if (has(text, p.Text)) return true;
        }
        return false;
    }
}

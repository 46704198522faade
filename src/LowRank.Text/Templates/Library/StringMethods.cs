using System.Collections.Frozen;
using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>str's methods.</summary>
internal static class StringMethods
{
    public static readonly FrozenDictionary<string, Builtin> Table = Methods.Table(
        Of("upper", "", (s, _) => Casing.Upper(s.Text)),
        Of("lower", "", (s, _) => Casing.Lower(s.Text)),
        Of("casefold", "", (s, _) => Casing.Fold(s.Text)),
        Of("title", "", (s, _) => Casing.Title(s.Text)),
        Of("capitalize", "", (s, _) => Casing.Capitalize(s.Text)),
        Of("swapcase", "", (s, _) => Casing.Swap(s.Text)),
        Of("strip", "chars=", (s, a) => Strip(s.Text, a[0], true, true)),
        Of("lstrip", "chars=", (s, a) => Strip(s.Text, a[0], true, false)),
        Of("rstrip", "chars=", (s, a) => Strip(s.Text, a[0], false, true)),
        Of("removeprefix", "prefix", (s, a) => Text(a[0]) is var p && s.Text.StartsWith(p, StringComparison.Ordinal) ? s.Text[p.Length..] : s.Text),
        Of("removesuffix", "suffix", (s, a) => Text(a[0]) is var p && p.Length > 0 && s.Text.EndsWith(p, StringComparison.Ordinal) ? s.Text[..^p.Length] : s.Text),
        Value("replace", "old, new, count=", (run, s, a) => Replace(run, s, Text(a[0]), Text(a[1]), Whole(a[2], -1))),
        Value("center", "width, fillchar=", (run, s, a) => Pad(run, s, a, (missing, width) => (missing / 2) + (missing & width & 1))),
        Value("ljust", "width, fillchar=", (run, s, a) => Pad(run, s, a, (_, _) => 0)),
        Value("rjust", "width, fillchar=", (run, s, a) => Pad(run, s, a, (missing, _) => missing)),
        Value("zfill", "width", (run, s, a) => ZeroFill(run, s, Whole(a[0], 0))),
        Value("expandtabs", "tabsize=", (run, s, a) => ExpandTabs(run, s, Whole(a[0], 8))),
        Value("join", "iterable", (run, s, a) => Join(run, s, Iteration.Items(run, a[0]!))),
        Value("split", "sep=, maxsplit=", (run, s, a) => Split(run, s, a[0], Whole(a[1], -1), fromEnd: false)),
        Value("rsplit", "sep=, maxsplit=", (run, s, a) => Split(run, s, a[0], Whole(a[1], -1), fromEnd: true)),
        Value("splitlines", "keepends=", (run, s, a) => Strings(run, Lines(s.Text, a[0] is { IsTrue: true }))),
        Value("partition", "sep", (_, s, a) => Partition(s.Text, Separator(a[0]), s.Text.IndexOf(Separator(a[0]), StringComparison.Ordinal), atEnd: false)),
        Value("rpartition", "sep", (_, s, a) => Partition(s.Text, Separator(a[0]), s.Text.LastIndexOf(Separator(a[0]), StringComparison.Ordinal), atEnd: true)),
        Value("find", "sub, start=, end=", (_, s, a) => Int.Of(StringSearch.Find(s, a, last: false))),
        Value("rfind", "sub, start=, end=", (_, s, a) => Int.Of(StringSearch.Find(s, a, last: true))),
        Value("index", "sub, start=, end=", (_, s, a) => Int.Of(StringSearch.Found(StringSearch.Find(s, a, last: false)))),
        Value("rindex", "sub, start=, end=", (_, s, a) => Int.Of(StringSearch.Found(StringSearch.Find(s, a, last: true)))),
        Value("count", "sub, start=, end=", (_, s, a) => Int.Of(StringSearch.Count(s, a))),
        Value("startswith", "prefix, start=, end=", (run, s, a) => Bool.Of(StringSearch.Affix(run, s, a, "startswith", (t, p) => t.StartsWith(p, StringComparison.Ordinal)))),
        Value("endswith", "suffix, start=, end=", (run, s, a) => Bool.Of(StringSearch.Affix(run, s, a, "endswith", (t, p) => t.EndsWith(p, StringComparison.Ordinal)))),
        Value("format", "*args, **kwargs", (run, s, a) => new Str(new FormatString(run, ((TupleValue)a[0]!).Items, a[1]!).Fill(s.Text))),
        Value("format_map", "mapping", (run, s, a) => new Str(new FormatString(run, [], a[0]!).Fill(s.Text))),
        Value("translate", "table", (run, s, a) => Translate(run, s, a[0]!)),
        Value("encode", "encoding=, errors=", (_, _, _) => throw Fail.Runtime("bytes are not known to templates")),
        Is("isalpha", PythonCase.IsAlpha), Is("isdigit", PythonCase.IsDigit), Is("isdecimal", PythonCase.IsDecimal), Is("isnumeric", PythonCase.IsNumeric), Is("isalnum", PythonCase.IsAlnum),
        Value("isspace", "", (_, s, _) => Bool.Of(s.Text.Length > 0 && s.Text.All(PythonChar.IsSpace))),
        Value("isascii", "", (_, s, _) => Bool.Of(System.Text.Ascii.IsValid(s.Text))),
        Value("isidentifier", "", (_, s, _) => Bool.Of(PythonChar.IsIdentifier(s.Text))),
        Value("isprintable", "", (_, s, _) => Bool.Of(s.Text.EnumerateRunes().All(PythonChar.IsPrintable))),
        Value("islower", "", (_, s, _) => Bool.Of(PythonCase.IsLower(s.Text))),
        Value("isupper", "", (_, s, _) => Bool.Of(PythonCase.IsUpper(s.Text))),
        Value("istitle", "", (_, s, _) => Bool.Of(PythonCase.IsTitle(s.Text))));

    /// <summary>A list of strings.</summary>
    public static ListValue Strings(Run run, IReadOnlyList<string> parts)
    {
        run.Charge(parts.Count);
        return new ListValue([.. parts.Select(Str.Of)]);
    }

    /// <summary>str.splitlines</summary>
    public static List<string> Lines(string text, bool keepEnds)
    {
        List<string> lines = [];
        for (int i = 0, start = 0; i < text.Length; start = i)
        {
            while (i < text.Length && !PythonChar.IsLineBreak(text[i])) i++;
            int end = i;
            if (i < text.Length) i += text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1;
            lines.Add(text[start..(keepEnds ? i : end)]);
        }
        return lines;
    }

    /// <summary>str.strip of blanks or of some characters.</summary>
    public static string Strip(string text, Value? chars, bool left, bool right)
    {
        int start = 0, end = text.Length;
        if (chars is null or None)
        {
            while (left && start < end && PythonChar.IsSpace(text[start])) start++;
            while (right && end > start && PythonChar.IsSpace(text[end - 1])) end--;
            return text[start..end];
        }
        var set = Text(chars).EnumerateRunes().ToHashSet();
        while (left && start < end && System.Text.Rune.DecodeFromUtf16(text.AsSpan(start..end), out var rune, out int n) == System.Buffers.OperationStatus.Done && set.Contains(rune)) start += n;
        while (right && end > start && System.Text.Rune.DecodeLastFromUtf16(text.AsSpan(start..end), out var rune, out int n) == System.Buffers.OperationStatus.Done && set.Contains(rune)) end -= n;
        return text[start..end];
    }

    /// <summary>str.replace, all where the count is negative.</summary>
    public static Str Replace(Run run, Str s, string old, string with, int count)
    {
        var text = new System.Text.StringBuilder();
        int at = 0, done = 0;
        if (old.Length == 0)
        {
            run.ChargeLength(s.Text.Length + ((s.Length + 1L) * with.Length));
            int length = s.Length;
            for (int i = 0; i <= length; i++)
            {
                if (count < 0 || i < count) text.Append(with);
                if (i < length) text.Append(s.Text, s.Offset(i), s.Offset(i + 1) - s.Offset(i));
            }
            return new Str(text.ToString());
        }
        for (int next; (count < 0 || done < count) && (next = s.Text.IndexOf(old, at, StringComparison.Ordinal)) >= 0; done++)
        {
            text.Append(s.Text, at, next - at).Append(with);
            at = next + old.Length;
            run.ChargeLength(text.Length, int.MaxValue);
            run.Charge(with.Length >> 4);
        }
        run.Charge(s.Weight);
        return done == 0 ? s : new Str(text.Append(s.Text, at, s.Text.Length - at).ToString());
    }

    /// <summary>str.join, whose items have to be strings.</summary>
    public static Str Join(Run run, Str separator, Value[] items)
    {
        for (int i = 0; i < items.Length; i++)
            if (items[i] is not Str) throw Fail.Runtime($"sequence item {i}: expected str instance, {items[i].TypeName} found");
        run.ChargeLength(items.Sum(i => (long)((Str)i).Text.Length) + ((long)items.Length * separator.Text.Length));
        return new Str(string.Join(separator.Text, items.Select(i => ((Str)i).Text)));
    }

    /// <summary>Start and end as slices have them.</summary>
    public static (int Start, int Stop) Bounds(Value? start, Value? stop, int length) => (Within(start, 0, length), Within(stop, length, length));

    /// <summary>A string argument.</summary>
    public static string Text(Value? value) => value switch { Str s => s.Text, Undefined u => throw u.Error(), _ => throw Fail.Runtime($"expected str, not {value!.TypeName}") };

    /// <summary>An integer argument, held within what fits.</summary>
    public static int Whole(Value? value, int absent)
    {
        if (value is null) return absent;
        if (value is Undefined u) throw u.Error();
        return Number.IsInt(value, out var n) ? (int)BigInteger.Max(-int.MaxValue, BigInteger.Min(int.MaxValue, n)) : throw Fail.Runtime($"'{value.TypeName}' object cannot be interpreted as an integer");
    }

    private static int Within(Value? bound, int absent, int length)
    {
        if (bound is null or None) return absent;
        long n = Whole(bound, absent);
        return (int)Math.Clamp(n < 0 ? n + length : n, 0, length);
    }

    private static Builtin Of(string name, string parameters, Func<Str, Value?[], string> body) => Value(name, parameters, (run, s, a) =>
    {
        run.Charge(s.Weight);
        return Str.Of(body(s, a));
    });

    /// <summary>A method; of escaped text it takes escaped arguments and gives escaped text.</summary>
    private static Builtin Value(string name, string parameters, Func<Run, Str, Value?[], Value> body) => new(name, parameters, (run, self, a) =>
    {
        var s = (Str)self;
        if (!s.IsMarkup) return body(run, s, a);
        var escaped = a.Select(v => v is Str ? Markup.Escape(v, run) : v).ToArray();
        return body(run, s, escaped) is var result && result is Str text ? new Str(text.Text, true) : result;
    });

    private static Builtin Is(string name, Func<System.Text.Rune, bool> each) => Value(name, "", (run, s, _) =>
    {
        run.Charge(s.Weight);
        return Bool.Of(s.Text.Length > 0 && s.Text.EnumerateRunes().All(each));
    });

    private static string Separator(Value? value) => Text(value) is { Length: > 0 } text ? text : throw Fail.Runtime("empty separator");

    private static Str Pad(Run run, Str s, Value?[] a, Func<int, int, int> leftOf)
    {
        string fill = a[1] is null ? " " : Text(a[1]);
        if (new Str(fill).Length != 1) throw Fail.Runtime("The fill character must be exactly one character long");
        int width = Whole(a[0], 0), missing = width - s.Length;
        if (missing <= 0) return s;
        run.ChargeLength(s.Text.Length + ((long)missing * fill.Length));
        int left = leftOf(missing, width);
        return new Str(string.Concat(Enumerable.Repeat(fill, left)) + s.Text + string.Concat(Enumerable.Repeat(fill, missing - left)));
    }

    private static Str ZeroFill(Run run, Str s, int width)
    {
        int missing = width - s.Length, sign = s.Text.Length > 0 && s.Text[0] is '+' or '-' ? 1 : 0;
        if (missing <= 0) return s;
        run.ChargeLength((long)s.Text.Length + missing);
        return new Str(s.Text[..sign] + new string('0', missing) + s.Text[sign..]);
    }

    private static Str ExpandTabs(Run run, Str s, int size)
    {
        var text = new System.Text.StringBuilder();
        int column = 0;
        foreach (var rune in s.Text.EnumerateRunes())
        {
            if (rune.Value == '\t')
            {
                int blanks = size > 0 ? size - (column % size) : 0;
                run.ChargeLength((long)text.Length + blanks, int.MaxValue);
                run.Charge(blanks >> 4);
                text.Append(' ', blanks);
                column += blanks;
                continue;
            }
            text.Append(rune.ToString());
            column = rune.Value is '\n' or '\r' ? 0 : column + 1;
        }
        return new Str(text.ToString());
    }

    private static ListValue Split(Run run, Str s, Value? separator, int most, bool fromEnd)
    {
        run.Charge(s.Weight);
        List<string> parts = separator is null or None ? Splitting.AtBlanks(s.Text, most, fromEnd) : Splitting.At(s.Text, Separator(separator), most, fromEnd);
        return Strings(run, parts);
    }

    private static TupleValue Partition(string text, string separator, int at, bool atEnd)
    {
        if (at < 0) return new TupleValue(atEnd ? [Str.Empty, Str.Empty, Str.Of(text)] : [Str.Of(text), Str.Empty, Str.Empty]);
        return new TupleValue([Str.Of(text[..at]), Str.Of(separator), Str.Of(text[(at + separator.Length)..])]);
    }

    private static Str Translate(Run run, Str s, Value table)
    {
        if (table is not DictValue dict) throw Fail.Runtime($"'{table.TypeName}' object is not subscriptable");
        var text = new System.Text.StringBuilder();
        foreach (var rune in s.Text.EnumerateRunes())
        {
            var to = dict.Get(Int.Of(rune.Value));
            if (to is Str t) text.Append(t.Text);
            else if (to is null) text.Append(rune.ToString());
            else if (Number.IsInt(to, out var n) && n >= 0 && n < 0x110000 && !(n >= 0xd800 && n < 0xe000)) text.Append(char.ConvertFromUtf32((int)n));
            else if (to is not None) throw Fail.Runtime("character mapping must return integer, None or str");
            run.ChargeLength(text.Length, int.MaxValue);
            run.Charge(1);
        }
        return new Str(text.ToString());
    }
}

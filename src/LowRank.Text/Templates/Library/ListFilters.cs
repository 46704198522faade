using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters that order, group and count.</summary>
internal static class ListFilters
{
    public static readonly Builtin[] All =
    [
        new("length", "", (_, v, _) => Int.Of(Iteration.Length(v))),
        new("count", "", (_, v, _) => Int.Of(Iteration.Length(v))),
        new("list", "", (run, v, _) => new ListValue(Iteration.Items(run, v))),
        new("items", "", (run, v, _) => v switch { Undefined => Generator([]), DictValue d => Generator(d.Pairs()), _ => throw Fail.Runtime("Can only get item pairs from a mapping.") }),
        new("first", "", (run, v, _) => First(run, v)),
        new("last", "", (run, v, _) => Reversed(run, v) is { Length: > 0 } items ? items[0] : new Undefined(null, hint: "No last item, sequence was empty.")),
        new("random", "", (run, v, _) => Random(run, v)),
        new("reverse", "", (run, v, _) => v is Str s ? Slicing.Slice(run, s, null, null, Int.Of(-1)) : v is Generator ? new ListValue(Reversed(run, v)) : new Generator("list_reverseiterator", Reversed(run, v))),
        new("join", "d=, attribute=", Join),
        new("sort", "reverse=, case_sensitive=, attribute=", (run, v, a) => Sort(run, Iteration.Items(run, v), a)),
        new("dictsort", "case_sensitive=, by=, reverse=", DictSort),
        new("groupby", "attribute, default=, case_sensitive=", GroupBy),
        new("unique", "case_sensitive=, attribute=", Unique),
        new("min", "case_sensitive=, attribute=", (run, v, a) => Extreme(run, v, a, Comparison.Less)),
        new("max", "case_sensitive=, attribute=", (run, v, a) => Extreme(run, v, a, Comparison.Greater)),
        new("sum", "attribute=, start=", Sum),
        new("batch", "linecount, fill_with=", Batch),
        new("slice", "slices, fill_with=", Slice),
    ];

    /// <summary>Values that can be walked over once.</summary>
    public static Generator Generator(Value[] items) => new("generator", items);

    private static bool IsTrue(Value? value) => value is { IsTrue: true };

    private static Value First(Run run, Value value)
    {
        var first = value is Generator g ? g.Next() : Iteration.Items(run, value).FirstOrDefault();
        return first ?? new Undefined(null, hint: "No first item, sequence was empty.");
    }

    private static Value[] Reversed(Run run, Value value)
    {
        var items = Iteration.Items(run, value).ToArray();
        run.Charge(items.Length >> 2);
        Array.Reverse(items);
        return items;
    }

    private static Value Random(Run run, Value value)
    {
        int length = Iteration.Length(value);
        if (length > 0 && (value is DictValue or DictView)) throw Fail.Runtime($"'{value.TypeName}' object is not a sequence");
        return length == 0 ? new Undefined(null, hint: "No random item, sequence was empty.") : Members.Item(value, Int.Of(run.Random.Next(length)), run);
    }

    private static Value Join(Run run, Value value, Value?[] a)
    {
        var items = new AttributePath(a[1]).Of(run, Iteration.Items(run, value));
        Value separator = a[0] ?? Str.Empty;
        bool escapes = run.AutoEscape && (separator is Str { IsMarkup: true } || items.Any(i => i is Str { IsMarkup: true }));
        if (escapes) separator = Markup.Escape(separator, run);
        string between = PythonText.Of(separator, run);
        var parts = new string[items.Length];
        long length = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = escapes ? Markup.Escape(items[i], run).Text : PythonText.Of(items[i], run);
            length += parts[i].Length + between.Length;
        }
        run.ChargeLength(length);
        return new Str(string.Join(between, parts), escapes);
    }

    private static ListValue Sort(Run run, Value[] items, Value?[] a)
    {
        var paths = (a[2] is Str s ? s.Text.Split(',').Select(p => (Value)new Str(p)) : [a[2] ?? None.Instance]).Select(p => new AttributePath(p, ignoreCase: !IsTrue(a[1]))).ToArray();
        run.Charge((long)items.Length * paths.Length);
        Value[] sorted = [.. items], keys = [.. items.Select(i => new ListValue([.. paths.Select(p => p.Of(run, i))]))];
        Comparing.Sort(run, sorted, keys, IsTrue(a[0]));
        return new ListValue(sorted);
    }

    private static ListValue DictSort(Run run, Value value, Value?[] a)
    {
        string by = a[1] is null ? "key" : PythonText.Of(a[1]!, run);
        if (by is not ("key" or "value")) throw Fail.Runtime("You can only sort by either \"key\" or \"value\"");
        if (value is not DictValue dict) throw value is Undefined u ? u.Error() : new Undefined(new Str("items"), value).Error();
        var path = new AttributePath(null, ignoreCase: !IsTrue(a[0]));
        Value[] pairs = dict.Pairs(), keys = path.Of(run, by == "key" ? dict.Keys() : dict.Values());
        Comparing.Sort(run, pairs, keys, IsTrue(a[2]));
        return new ListValue(pairs);
    }

    private static ListValue GroupBy(Run run, Value value, Value?[] a)
    {
        var path = new AttributePath(a[0], a[1], ignoreCase: !IsTrue(a[2]));
        Value[] items = [.. Iteration.Items(run, value)], keys = path.Of(run, items);
        Comparing.Sort(run, items, keys, reverse: false);
        keys = path.Of(run, items);
        var shown = new AttributePath(a[0], a[1]);
        List<Value> groups = [];
        for (int i = 0, start = 0; i < items.Length; start = i)
        {
            while (i < items.Length && Comparing.Equal(run, keys[i], keys[start])) i++;
            groups.Add(new TupleValue([shown.Of(run, items[start]), new ListValue(items[start..i])], ["grouper", "list"]));
            if (i == start) i++; // what does not equal itself is a group alone
        }
        return new ListValue([.. groups]);
    }

    private static Generator Unique(Run run, Value value, Value?[] a)
    {
        var path = new AttributePath(a[1], ignoreCase: !IsTrue(a[0]));
        HashSet<Value> seen = [];
        return Generator([.. Iteration.Items(run, value).Where(i => seen.Add(Comparing.Key(run, path.Of(run, i))))]);
    }

    private static Value Extreme(Run run, Value value, Value?[] a, Comparison better)
    {
        var path = new AttributePath(a[1], ignoreCase: !IsTrue(a[0]));
        var items = Iteration.Items(run, value);
        if (items.Length == 0) return new Undefined(null, hint: "No aggregated item, sequence was empty.");
        var (best, key) = (items[0], path.Of(run, items[0]));
        foreach (var item in items.AsSpan(1))
        {
            var other = path.Of(run, item);
            run.Charge(1);
            if (Comparing.Holds(run, better, other, key)) (best, key) = (item, other);
        }
        return best;
    }

    private static Value Sum(Run run, Value value, Value?[] a)
    {
        var sum = a[1] ?? Int.Of(0);
        if (sum is Str) throw Fail.Runtime("sum() can't sum strings [use ''.join(seq) instead]");
        foreach (var item in new AttributePath(a[0]).Of(run, Iteration.Items(run, value)))
        {
            run.Charge(1);
            sum = Operators.Apply(run, BinaryOperator.Add, sum, item);
        }
        return sum;
    }

    private static Generator Batch(Run run, Value value, Value?[] a)
    {
        var items = Iteration.Items(run, value);
        int size = StringMethods.Whole(a[0], 1);
        List<Value> rows = [];
        for (int i = 0; i < items.Length; i += Math.Max(size, 1))
        {
            Value[] row = size > 0 ? items[i..Math.Min(items.Length, i + size)] : items[i..];
            if (a[1] is not null and not None && row.Length < size)
            {
                run.ChargeLength(size, 4);
                row = [.. row, .. Enumerable.Repeat(a[1]!, size - row.Length)];
            }
            rows.Add(new ListValue(row));
            if (size <= 0) break;
        }
        return Generator([.. rows]);
    }

    private static Generator Slice(Run run, Value value, Value?[] a)
    {
        var items = Iteration.Items(run, value);
        int count = StringMethods.Whole(a[0], 1);
        if (count == 0) throw Fail.Runtime("integer division or modulo by zero");
        run.ChargeLength(Math.Max(count, 0), 4);
        var slices = new Value[Math.Max(count, 0)];
        for (int i = 0, at = 0; i < slices.Length; i++)
        {
            int size = (items.Length / count) + (i < items.Length % count ? 1 : 0);
            Value[] slice = items[at..(at + size)];
            if (a[1] is not null and not None && i >= items.Length % count) slice = [.. slice, a[1]!];
            slices[i] = new ListValue(slice);
            at += size;
        }
        return Generator(slices);
    }
}

using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Python's comparisons.</summary>
internal static class Comparing
{
    private static readonly string[] Signs = ["==", "!=", "<", "<=", ">", ">="];

    /// <summary>Whether a comparison holds.</summary>
    public static bool Holds(Run run, Comparison op, Value a, Value b) => op switch
    {
        Comparison.Equal => Equal(run, a, b),
        Comparison.NotEqual => !Equal(run, a, b),
        Comparison.In => Contains(run, b, a),
        Comparison.NotIn => !Contains(run, b, a),
        _ => Ordered(run, op, a, b),
    };

    public static bool Equal(Run run, Value a, Value b)
    {
        if (ReferenceEquals(a, b)) return a is not Float { Number: double.NaN };
        run.Charge(Math.Min(a.Weight, b.Weight));
        return a.Equals(b);
    }

    /// <summary>Whether a comes before b: what sorting goes by.</summary>
    public static bool Less(Run run, Value a, Value b) => Ordered(run, Comparison.Less, a, b);

    private static bool Ordered(Run run, Comparison op, Value a, Value b)
    {
        if (a is Undefined u) throw u.Error();
        if (b is Undefined v) throw v.Error();
        if (Number.Is(a) && Number.Is(b)) return Fits(op, Number.Compare(a, b));
        if (a is Str s && b is Str t)
        {
            run.Charge(1 + Math.Min(a.Weight, b.Weight));
            return Fits(op, CompareText(s.Text, t.Text));
        }
        if (a is Sequence x && b is Sequence y && a is ListValue == b is ListValue) return Sequences(run, op, x, y);
        throw Fail.Runtime($"'{Signs[(int)op]}' not supported between instances of '{a.TypeName}' and '{b.TypeName}'");
    }

    private static bool Sequences(Run run, Comparison op, Sequence a, Sequence b)
    {
        Fail.CheckStack();
        int shorter = Math.Min(a.Items.Length, b.Items.Length);
        for (int i = 0; i < shorter; i++)
        {
            run.Charge(1);
            if (!Equal(run, a.Items[i], b.Items[i])) return Ordered(run, op, a.Items[i], b.Items[i]);
        }
        return Fits(op, a.Items.Length.CompareTo(b.Items.Length));
    }

    private static bool Fits(Comparison op, int? order) => order is { } o && op switch
    {
        Comparison.Less => o < 0,
        Comparison.LessOrEqual => o <= 0,
        Comparison.Greater => o > 0,
        _ => o >= 0,
    };

    /// <summary>Order by code point, which is not that of UTF-16's units.</summary>
    private static int CompareText(string a, string b)
    {
        int i = a.AsSpan().CommonPrefixLength(b);
        if (i == a.Length || i == b.Length) return a.Length.CompareTo(b.Length);
        int x = a[i], y = b[i];
        if (x >= 0xd800 && y >= 0xd800) (x, y) = (Rank(x), Rank(y));
        return x.CompareTo(y);
    }

    private static int Rank(int unit) => unit >= 0xe000 ? unit - 0x800 : unit + 0x2000; // surrogates come after all other units

    /// <summary>The in operator.</summary>
    public static bool Contains(Run run, Value whole, Value part)
    {
        switch (whole)
        {
            case Str s:
                if (part is Undefined u) throw Fail.Runtime($"'in <string>' requires string as left operand, not {u.TypeName}");
                if (part is not Str t) throw Fail.Runtime($"'in <string>' requires string as left operand, not {part.TypeName}");
                run.Charge(s.Weight);
                return s.Text.Contains(t.Text, StringComparison.Ordinal);
            case DictValue d:
                return d.Get(Key(run, part)) is not null;
            case DictView view when part.IsHashable:
                run.Charge(part.Weight);
                if (view.Contains(part) is { } known) return known;
                break;
            case RangeValue range when Number.IsInt(part, out var n):
                var distance = n - range.Start;
                return range.Count > 0 && (distance % range.Step).IsZero && distance / range.Step >= 0 && distance / range.Step < range.Count;
        }
        if (!Iteration.IsIterable(whole)) throw Fail.Runtime($"argument of type '{whole.TypeName}' is not iterable");
        foreach (var item in Iteration.Items(run, whole))
        {
            run.Charge(1);
            if (ReferenceEquals(item, part) || Equal(run, item, part)) return true;
        }
        return false;
    }

    /// <summary>A value as a dictionary's key.</summary>
    public static Value Key(Run run, Value key)
    {
        run.Charge(key.Weight);
        return key.IsHashable ? key : throw Fail.Runtime($"unhashable type: '{key.TypeName}'");
    }

    /// <summary>Sorts, keeping the order of equals; a comparison that does not work is an error.</summary>
    public static void Sort(Run run, Value[] items, Value[] keys, bool reverse)
    {
        int[] order = [.. Enumerable.Range(0, items.Length)];
        if (reverse) Array.Reverse(order);
        var sorted = Merge(run, order, keys);
        if (reverse) Array.Reverse(sorted);
        var copy = items.ToArray();
        for (int i = 0; i < items.Length; i++) items[i] = copy[sorted[i]];
    }

    private static int[] Merge(Run run, int[] order, Value[] keys)
    {
        if (order.Length < 2) return order;
        int[] left = Merge(run, order[..(order.Length / 2)], keys), right = Merge(run, order[(order.Length / 2)..], keys), merged = new int[order.Length];
        for (int i = 0, l = 0, r = 0; i < merged.Length; i++)
        {
            run.Charge(1);
            bool takesRight = l == left.Length || (r < right.Length && Less(run, keys[right[r]], keys[left[l]]));
            merged[i] = takesRight ? right[r++] : left[l++];
        }
        return merged;
    }
}

using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>a[b:c:d]</summary>
internal static class Slicing
{
    public static Value Slice(Run run, Value target, Value? start, Value? stop, Value? step)
    {
        if (target is Undefined u) throw u.Error();
        if (target is not (Str or Sequence or RangeValue)) throw Fail.Runtime(target is DictValue ? "unhashable type: 'slice'" : $"'{target.TypeName}' object is not subscriptable");
        int length = Iteration.Length(target);
        var by = Bound(step) ?? 1;
        if (by.IsZero) throw Fail.Runtime("slice step cannot be zero");
        var (first, last) = by.Sign > 0 ? (Within(Bound(start), 0, length, 0, length), Within(Bound(stop), length, length, 0, length)) : (Within(Bound(start), length - 1, length, -1, length - 1), Within(Bound(stop), -1, length, -1, length - 1));
        var span = by.Sign > 0 ? last - first : first - last;
        int count = span <= 0 ? 0 : (int)((((BigInteger)span - 1) / BigInteger.Abs(by)) + 1);
        if (target is RangeValue range) return new RangeValue(range.Start + (range.Step * first), range.Start + (range.Step * last), range.Step * by, count);
        int stride = count > 1 ? (int)by : 1;
        run.ChargeLength(count, 8);
        return target is Str s ? new Str(Text(s, first, count, stride), s.IsMarkup) : ((Sequence)target).With(Items(((Sequence)target).Items, first, count, stride));
    }

    private static BigInteger? Bound(Value? bound)
    {
        if (bound is null or None) return null;
        if (bound is Undefined u) throw u.Error();
        return Number.IsInt(bound, out var n) ? n : throw Fail.Runtime("slice indices must be integers or None or have an __index__ method");
    }

    private static int Within(BigInteger? bound, int absent, int length, int low, int high)
    {
        if (bound is not { } n) return absent;
        if (n.Sign < 0) n += length;
        return (int)BigInteger.Max(low, BigInteger.Min(high, n));
    }

    private static string Text(Str s, int first, int count, int stride)
    {
        if (stride == 1) return s.Sub(first, first + count).Text;
        var text = new System.Text.StringBuilder(count);
        for (int i = 0; i < count; i++)
        {
            int at = first + (i * stride);
            text.Append(s.Text, s.Offset(at), s.Offset(at + 1) - s.Offset(at));
        }
        return text.ToString();
    }

    private static Value[] Items(Value[] items, int first, int count, int stride)
    {
        if (stride == 1) return items[first..(first + count)];
        var made = new Value[count];
        for (int i = 0; i < count; i++) made[i] = items[first + (i * stride)];
        return made;
    }
}

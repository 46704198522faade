using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Walking over values.</summary>
internal static class Iteration
{
    public static bool IsIterable(Value value) => value is Str or Sequence or DictValue or DictView or RangeValue or Generator or Undefined;

    /// <summary>All that a value gives when walked over.</summary>
    public static Value[] Items(Run run, Value value)
    {
        var items = value switch
        {
            Sequence s => s.Items,
            DictValue d => d.Keys(),
            DictView v => v.Items(),
            Str s => s.Points(),
            Undefined => [],
            Generator g => g.Rest(),
            RangeValue r => Range(r),
            _ => throw Fail.Runtime($"'{value.TypeName}' object is not iterable"),
        };
        if (value is not Sequence) run.Charge(1 + (items.Length >> 1));
        return items;
    }

    /// <summary>The number of items; an error where a value has none.</summary>
    public static int Length(Value value) => value switch
    {
        Str s => s.Length,
        Sequence s => s.Items.Length,
        DictValue d => d.Count,
        DictView v => v.Count,
        RangeValue r => r.Count,
        Undefined => 0,
        _ => throw Fail.Runtime($"object of type '{value.TypeName}' has no len()"),
    };

    /// <summary>The items of a value for that many targets.</summary>
    public static Value[] Unpack(Run run, Value value, int count)
    {
        if (value is Undefined { } && count > 0) throw Fail.Runtime($"not enough values to unpack (expected {count}, got 0)");
        if (!IsIterable(value)) throw Fail.Runtime($"cannot unpack non-iterable {value.TypeName} object");
        var items = Items(run, value);
        if (items.Length > count) throw Fail.Runtime($"too many values to unpack (expected {count})");
        if (items.Length < count) throw Fail.Runtime($"not enough values to unpack (expected {count}, got {items.Length})");
        return items;
    }

    private static Value[] Range(RangeValue range)
    {
        var items = new Value[range.Count];
        for (int i = 0; i < items.Length; i++) items[i] = range.At(i);
        return items;
    }
}

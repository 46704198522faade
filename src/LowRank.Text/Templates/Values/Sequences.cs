using System.Numerics;

namespace LowRank.Text.Templates.Values;

/// <summary>A list or a tuple.</summary>
internal abstract class Sequence : Value
{
    private int? _hash;

    protected Sequence(Value[] items) => (Items, Weight) = (items, Sum(items));

    public Value[] Items { get; }
    public override long Weight { get; }
    public override bool IsTrue => Items.Length > 0;

    /// <summary>The same type of sequence over other items.</summary>
    public abstract Sequence With(Value[] items);

    public override bool Equals(object? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is not Sequence s || s is TupleValue != this is TupleValue || s.Items.Length != Items.Length) return false;
        Fail.CheckStack();
        for (int i = 0; i < Items.Length; i++)
            if (!Items[i].Equals(s.Items[i])) return false;
        return true;
    }

    public override int GetHashCode()
    {
        if (_hash is { } known) return known;
        Fail.CheckStack();
        var hash = new HashCode();
        foreach (var item in Items) hash.Add(item.GetHashCode());
        return (_hash = hash.ToHashCode()).Value;
    }
}

/// <summary>Python's list; templates cannot change one.</summary>
internal sealed class ListValue(Value[] items) : Sequence(items)
{
    public static readonly ListValue Empty = new([]);
    public override string TypeName => "list";
    public override bool IsHashable => false;
    public override Sequence With(Value[] items) => new ListValue(items);
}

/// <summary>Python's tuple; with field names it is one of groupby's groups.</summary>
internal sealed class TupleValue(Value[] items, string[]? fields = null) : Sequence(items)
{
    public static readonly TupleValue Empty = new([]);
    public string[]? Fields { get; } = fields;
    public override string TypeName => Fields is null ? "tuple" : "_GroupTuple";
    public override bool IsHashable { get; } = items.All(i => i.IsHashable);
    public override Sequence With(Value[] items) => new TupleValue(items);
}

/// <summary>Python's range.</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step, int count) : Value
{
    public BigInteger Start { get; } = start;
    public BigInteger Stop { get; } = stop;
    public BigInteger Step { get; } = step;
    public int Count { get; } = count;
    public override string TypeName => "range";
    public override bool IsTrue => Count > 0;
    public override long Weight => Count + 1;
    public Value At(int index) => Int.Of(Start + (Step * index));
    public override bool Equals(object? other) => other is RangeValue r && r.Count == Count && (Count == 0 || (r.Start == Start && (Count == 1 || r.Step == Step)));
    public override int GetHashCode() => HashCode.Combine(Count, Count == 0 ? 0 : Number.Hash(Start));

    /// <summary>A range, refused beyond the sandbox's bound.</summary>
    public static RangeValue Of(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero) throw Fail.Runtime("range() arg 3 must not be zero");
        var span = step.Sign > 0 ? stop - start : start - stop;
        var count = span.Sign <= 0 ? BigInteger.Zero : ((span - 1) / BigInteger.Abs(step)) + 1;
        if (count > TemplateLimits.Range) throw new TemplateException(TemplateErrorKind.Security, $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({TemplateLimits.Range}).");
        return new RangeValue(start, stop, step, (int)count);
    }
}

/// <summary>Values that can be walked over once, as Python's generators and iterators.</summary>
internal sealed class Generator(string type, Value[] items) : Value
{
    private int _next;

    public override string TypeName => type;
    public override long Weight => items.Length + 1;

    /// <summary>The values left; none are left afterwards.</summary>
    public Value[] Rest()
    {
        var rest = _next == 0 ? items : items[_next..];
        _next = items.Length;
        return rest;
    }

    /// <summary>The next value; null at the end.</summary>
    public Value? Next() => _next < items.Length ? items[_next++] : null;
}

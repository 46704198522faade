using System.Numerics;

namespace LowRank.Text.Templates.Values;

/// <summary>Python's bool.</summary>
internal sealed class Bool : Value
{
    public static readonly Bool True = new(), False = new();
    public override string TypeName => "bool";
    public override bool IsTrue => ReferenceEquals(this, True);
    public override bool Equals(object? other) => Number.Equal(this, other);
    public override int GetHashCode() => IsTrue ? Number.Hash(BigInteger.One) : Number.Hash(BigInteger.Zero);
    public static Bool Of(bool value) => value ? True : False;
}

/// <summary>Python's int: without a bound but the engine's limit on size.</summary>
internal sealed class Int : Value
{
    private static readonly Int[] Small = [.. Enumerable.Range(-16, 1040).Select(i => new Int(i))];

    private Int(BigInteger number) => Number = number;

    public BigInteger Number { get; }
    public override string TypeName => "int";
    public override bool IsTrue => !Number.IsZero;
    public override bool Equals(object? other) => Values.Number.Equal(this, other);
    public override int GetHashCode() => Values.Number.Hash(Number);

    public static Int Of(long value) => value is >= -16 and < 1024 ? Small[value + 16] : new(value);

    /// <summary>A number; one beyond the limit is an error.</summary>
    public static Int Of(BigInteger value)
    {
        if (value >= -16 && value < 1024) return Small[(int)value + 16];
        if (value.GetBitLength() > TemplateLimits.IntegerBits) throw Fail.Runtime("the integer is too large");
        return new(value);
    }
}

/// <summary>Python's float.</summary>
internal sealed class Float(double number) : Value
{
    public double Number { get; } = number;
    public override string TypeName => "float";
    public override bool IsTrue => Number != 0;
    public override bool Equals(object? other) => Values.Number.Equal(this, other);
    public override int GetHashCode() => Number == Math.Floor(Number) && !double.IsInfinity(Number) ? Values.Number.Hash(new BigInteger(Number)) : HashCode.Combine(Number);
}

/// <summary>What bool, int and float have in common.</summary>
internal static class Number
{
    /// <summary>The integer of an int or bool.</summary>
    public static bool IsInt(Value value, out BigInteger number)
    {
        number = value switch { Int i => i.Number, Bool b => b.IsTrue ? BigInteger.One : BigInteger.Zero, _ => default };
        return value is Int or Bool;
    }

    /// <summary>Whether the value is a number at all.</summary>
    public static bool Is(Value value) => value is Int or Float or Bool;

    /// <summary>A number as a double; an integer too large for one is an error.</summary>
    public static double ToDouble(Value value)
    {
        if (value is Float f) return f.Number;
        if (!IsInt(value, out var number)) throw Fail.Runtime($"must be real number, not {value.TypeName}");
        double result = (double)number;
        if (double.IsInfinity(result)) throw Fail.Runtime("int too large to convert to float");
        return result;
    }

    /// <summary>Equality between numbers of any type.</summary>
    public static bool Equal(Value a, object? other)
    {
        if (other is not Value b || !Is(b)) return false;
        return Compare(a, b) == 0;
    }

    /// <summary>Which is larger, exactly; null where one is not a number (NaN).</summary>
    public static int? Compare(Value a, Value b)
    {
        bool integral = IsInt(a, out var x), other = IsInt(b, out var y);
        if (integral && other) return x.CompareTo(y);
        if (!integral && !other) return Order(((Float)a).Number, ((Float)b).Number);
        double d = integral ? ((Float)b).Number : ((Float)a).Number;
        var n = integral ? x : y;
        if (double.IsNaN(d)) return null;
        int order = double.IsInfinity(d) ? (d > 0 ? -1 : 1) : n.CompareTo(new BigInteger(Math.Floor(d)));
        if (order == 0 && d != Math.Floor(d)) order = -1;
        return integral ? order : -order;
    }

    public static int Hash(BigInteger number) => HashCode.Combine(number.GetHashCode(), 0x5bd1);

    private static int? Order(double a, double b) => a == b ? 0 : a < b ? -1 : a > b ? 1 : null;
}

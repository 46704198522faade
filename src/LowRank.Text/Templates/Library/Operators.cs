using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Python's arithmetic.</summary>
internal static class Operators
{
    private static readonly string[] Signs = ["+", "-", "*", "/", "//", "%", "** or pow()"];

    public static Value Apply(Run run, BinaryOperator op, Value a, Value b)
    {
        if (a is Undefined u) throw u.Error();
        if (a is Str format && op == BinaryOperator.Modulo) return PercentFormat.Apply(run, format, b);
        if (b is Undefined v) throw v.Error();
        if (Number.Is(a) && Number.Is(b)) return a is Float || b is Float ? Floats(op, Number.ToDouble(a), Number.ToDouble(b)) : Integers(run, op, a, b);
        return op switch
        {
            BinaryOperator.Add when a is Str or Sequence => Add(run, a, b),
            BinaryOperator.Multiply when Times(a, b) is { } times => Repeat(run, times.What, times.Count),
            BinaryOperator.Subtract when a is DictView or DictValue => throw Fail.Runtime("sets are not known to templates"),
            _ => throw Unsupported(op, a, b),
        };
    }

    public static Value Signed(Value operand, bool negative)
    {
        if (operand is Undefined u) throw u.Error();
        if (operand is Float f) return negative ? new Float(-f.Number) : f;
        if (!Number.IsInt(operand, out var n)) throw Fail.Runtime($"bad operand type for unary {(negative ? '-' : '+')}: '{operand.TypeName}'");
        return Int.Of(negative ? -n : n);
    }

    private static TemplateException Unsupported(BinaryOperator op, Value a, Value b)
        => Fail.Runtime(op == BinaryOperator.Multiply && (a is Str or Sequence || b is Str or Sequence)
            ? $"can't multiply sequence by non-int of type '{(a is Str or Sequence ? b : a).TypeName}'"
            : $"unsupported operand type(s) for {Signs[(int)op]}: '{a.TypeName}' and '{b.TypeName}'");

    private static Value Add(Run run, Value a, Value b)
    {
        if (a is Str s)
        {
            if (b is not Str t) throw Fail.Runtime($"can only concatenate str (not \"{b.TypeName}\") to str");
            if (s.IsMarkup != t.IsMarkup) (s, t) = (Markup.Escape(s, run), Markup.Escape(t, run));
            run.ChargeLength((long)s.Text.Length + t.Text.Length);
            return new Str(s.Text + t.Text, s.IsMarkup);
        }
        if (b is not Sequence more || a is ListValue != b is ListValue) throw Fail.Runtime($"can only concatenate {a.TypeName} (not \"{b.TypeName}\") to {a.TypeName}");
        var items = ((Sequence)a).Items;
        run.ChargeLength((long)items.Length + more.Items.Length, perStep: 4);
        return ((Sequence)a).With([.. items, .. more.Items]);
    }

    private static (Value What, BigInteger Count)? Times(Value a, Value b)
    {
        if (a is Str or Sequence && Number.IsInt(b, out var n)) return (a, n);
        return b is Str or Sequence && Number.IsInt(a, out n) ? (b, n) : null;
    }

    private static Value Repeat(Run run, Value what, BigInteger times)
    {
        var count = BigInteger.Max(times, 0);
        var length = count * (what is Str t ? t.Text.Length : ((Sequence)what).Items.Length);
        run.ChargeLength(length > long.MaxValue ? long.MaxValue : (long)length, what is Str ? 16 : 4);
        if (length.IsZero) return what is Str ? Str.Empty : ((Sequence)what).With([]);
        if (what is Str s) return new Str(string.Concat(Enumerable.Repeat(s.Text, (int)count)), s.IsMarkup);
        var items = ((Sequence)what).Items;
        var made = new Value[(int)length];
        for (int i = 0; i < made.Length; i += items.Length) items.CopyTo(made, i);
        return ((Sequence)what).With(made);
    }

    private static Value Integers(Run run, BinaryOperator op, Value left, Value right)
    {
        Number.IsInt(left, out var a);
        Number.IsInt(right, out var b);
        run.Charge(a.GetBitLength() * b.GetBitLength() >> 18); // about as many steps as its products of words take the time of
        return op switch
        {
            BinaryOperator.Add => Int.Of(a + b),
            BinaryOperator.Subtract => Int.Of(a - b),
            BinaryOperator.Multiply => Int.Of(a * b),
            BinaryOperator.Divide => Quotient(a, b),
            BinaryOperator.FloorDivide when b.IsZero => throw Fail.Runtime("integer division or modulo by zero"),
            BinaryOperator.FloorDivide => Int.Of(FloorDivide(a, b)),
            BinaryOperator.Modulo when b.IsZero => throw Fail.Runtime("integer modulo by zero"),
            BinaryOperator.Modulo => Int.Of(a - (FloorDivide(a, b) * b)),
            _ when b.Sign < 0 => a.IsZero ? throw Fail.Runtime("0.0 cannot be raised to a negative power") : Floats(op, Number.ToDouble(left), Number.ToDouble(right)),
            _ => Power(run, a, b),
        };
    }

    public static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        var quotient = BigInteger.DivRem(a, b, out var rest);
        return rest.Sign != 0 && rest.Sign != b.Sign ? quotient - 1 : quotient;
    }

    private static Int Power(Run run, BigInteger a, BigInteger b)
    {
        if (b.IsZero || a.IsOne) return Int.Of(1);
        if (a.IsZero) return Int.Of(0);
        if (BigInteger.Abs(a).IsOne) return Int.Of(b.IsEven ? 1 : -1);
        if (b * Math.Max(1, BigInteger.Abs(a).GetBitLength() - 1) > TemplateLimits.IntegerBits) throw Fail.Runtime("the integer is too large");
        long bits = a.GetBitLength() * (long)b;
        run.Charge(bits * bits >> 18);
        return Int.Of(BigInteger.Pow(a, (int)b));
    }

    /// <summary>The nearest double to a fraction of integers of any size.</summary>
    private static Float Quotient(BigInteger a, BigInteger b)
    {
        if (b.IsZero) throw Fail.Runtime("division by zero");
        double value = a.IsZero ? Math.CopySign(0, b.Sign) : Fraction.ToDouble(a, b);
        return double.IsInfinity(value) ? throw Fail.Runtime("integer division result too large for a float") : new Float(value);
    }

    private static Value Floats(BinaryOperator op, double a, double b)
    {
        switch (op)
        {
            case BinaryOperator.Add: return new Float(a + b);
            case BinaryOperator.Subtract: return new Float(a - b);
            case BinaryOperator.Multiply: return new Float(a * b);
            case BinaryOperator.Power: return FloatPower(a, b);
        }
        if (b == 0) throw Fail.Runtime(op switch { BinaryOperator.Divide => "float division by zero", BinaryOperator.FloorDivide => "float floor division by zero", _ => "float modulo" });
        if (op == BinaryOperator.Divide) return new Float(a / b);
        double rest = a % b; // with the divisor's sign from here on
        if (rest != 0 && rest < 0 != b < 0) rest += b;
        if (op == BinaryOperator.Modulo) return new Float(rest == 0 ? Math.CopySign(0, b) : rest);
        double quotient = (a - (a % b)) / b;
        if (a % b != 0 && a % b < 0 != b < 0) quotient -= 1;
        if (quotient == 0) return new Float(Math.CopySign(0, a / b));
        double floor = Math.Floor(quotient);
        return new Float(quotient - floor > 0.5 ? floor + 1 : floor);
    }

    private static Float FloatPower(double a, double b)
    {
        if (a == 0 && b < 0) throw Fail.Runtime("0.0 cannot be raised to a negative power");
        if (a < 0 && b != Math.Floor(b) && double.IsFinite(a) && double.IsFinite(b)) throw Fail.Runtime("complex numbers are not known to templates");
        double value = a == 1 ? 1 : Math.Pow(a, b);
        if (double.IsInfinity(value) && double.IsFinite(a) && double.IsFinite(b)) throw Fail.Runtime("(34, 'Numerical result out of range')");
        return new Float(value);
    }
}

using System.Globalization;
using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Filters that make or change numbers.</summary>
internal static class NumberFilters
{
    public static readonly Builtin[] All =
    [
        new("abs", "", (_, v, _) => Absolute(v)),
        new("int", "default=, base=", (run, v, a) => ToInt(run, v, a[1] is null ? 10 : StringMethods.Whole(a[1], 10)) ?? a[0] ?? Int.Of(0)),
        new("float", "default=", (run, v, a) => ToFloat(run, v) ?? a[0] ?? new Float(0)),
        new("round", "precision=, method=", Round),
        new("filesizeformat", "binary=", (run, v, a) => new Str(FileSize(ToFloat(run, v) ?? throw Fail.Runtime($"could not convert string to float: {PythonText.Repr(v)}"), a[0] is { IsTrue: true }))),
    ];

    private static Value Absolute(Value value)
    {
        if (value is Undefined u) throw u.Error();
        if (value is Float f) return new Float(Math.Abs(f.Number));
        return Number.IsInt(value, out var n) ? Int.Of(BigInteger.Abs(n)) : throw Fail.Runtime($"bad operand type for abs(): '{value.TypeName}'");
    }

    private static Int? ToInt(Run run, Value value, int radix)
    {
        if (value is Undefined u) throw u.Error();
        if (value is Str s)
        {
            run.Charge(s.Weight);
            if (NumberText.Integer(s.Text, radix) is { } parsed) return Int.Of(parsed);
            return NumberText.Float(s.Text) is { } number && double.IsFinite(number) ? Int.Of(new BigInteger(Math.Truncate(number))) : null;
        }
        if (Number.IsInt(value, out var n)) return Int.Of(n);
        if (value is not Float f) return null;
        if (double.IsInfinity(f.Number)) throw Fail.Runtime("cannot convert float infinity to integer");
        return double.IsNaN(f.Number) ? null : Int.Of(new BigInteger(Math.Truncate(f.Number)));
    }

    private static Float? ToFloat(Run run, Value value)
    {
        if (value is Undefined u) throw u.Error();
        if (value is Float f) return f;
        if (Number.Is(value)) return new Float(Number.ToDouble(value));
        if (value is not Str s) return null;
        run.Charge(s.Weight);
        return NumberText.Float(s.Text) is { } number ? new Float(number) : null;
    }

    private static Value Round(Run run, Value value, Value?[] a)
    {
        string method = a[1] is null ? "common" : PythonText.Of(a[1]!, run);
        if (method is not ("common" or "ceil" or "floor")) throw Fail.Runtime("method must be common, ceil or floor");
        if (value is Undefined u) throw u.Error();
        if (!Number.Is(value)) throw Fail.Runtime($"type {value.TypeName} doesn't define __round__ method");
        int digits = Math.Clamp(StringMethods.Whole(a[0], 0), -5000, 5000);
        if (method == "common") return value is Float f ? new Float(FloatText.Round(f.Number, digits)) : RoundInteger(value, digits);
        var power = digits >= 0 ? Int.Of(BigInteger.Pow(10, digits)) : (Value)new Float(Math.Pow(10, digits));
        double scaled = Number.ToDouble(Operators.Apply(run, Syntax.BinaryOperator.Multiply, value, power));
        if (!double.IsFinite(scaled)) throw Fail.Runtime("cannot convert float infinity to integer");
        var whole = Int.Of(new BigInteger(method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)));
        return Operators.Apply(run, Syntax.BinaryOperator.Divide, whole, power);
    }

    private static Int RoundInteger(Value value, int digits)
    {
        Number.IsInt(value, out var n);
        if (digits >= 0) return Int.Of(n);
        var unit = BigInteger.Pow(10, -digits);
        var rounded = Fraction.RoundDivide(BigInteger.Abs(n), unit) * unit;
        return Int.Of(n.Sign < 0 ? -rounded : rounded);
    }

    private static string FileSize(Float size, bool binary)
    {
        double bytes = size.Number, scale = binary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (!double.IsFinite(bytes) && !(bytes >= scale)) throw Fail.Runtime("cannot convert float infinity to integer");
        if (bytes < scale) return $"{PythonText.Integer(new BigInteger(Math.Truncate(bytes)))} Bytes";
        string[] prefixes = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        double unit = scale * scale;
        int i = 0;
        while (i < prefixes.Length - 1 && bytes >= unit) (i, unit) = (i + 1, unit * scale);
        double shown = scale * bytes / unit;
        return string.Create(CultureInfo.InvariantCulture, $"{(double.IsFinite(shown) ? FloatText.Fixed(shown, 1) : "inf")} {prefixes[i]}");
    }
}

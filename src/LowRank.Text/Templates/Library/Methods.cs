using System.Collections.Frozen;
using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>The methods of each type, and those that would change a value, which are refused.</summary>
internal static class Methods
{
    private static readonly FrozenDictionary<string, Builtin> Lists = Table(
        new("index", "value, start=, stop=", (run, self, a) => Index(run, (Sequence)self, a)),
        new("count", "value", (run, self, a) => Int.Of(((Sequence)self).Items.Count(i => Comparing.Equal(run, i, a[0]!)))),
        new("copy", "", (_, self, _) => self));

    private static readonly FrozenDictionary<string, Builtin> Dicts = Table(
        new("items", "", (_, self, _) => new DictView("dict_items", (DictValue)self)),
        new("keys", "", (_, self, _) => new DictView("dict_keys", (DictValue)self)),
        new("values", "", (_, self, _) => new DictView("dict_values", (DictValue)self)),
        new("get", "key, default=", (run, self, a) => ((DictValue)self).Get(Comparing.Key(run, a[0]!)) ?? a[1] ?? None.Instance),
        new("copy", "", (_, self, _) => self),
        new("fromkeys", "iterable, value=", (run, _, a) => Globals.MakeFromKeys(run, a)));

    private static readonly FrozenDictionary<string, Builtin> Ints = Table(
        new("bit_length", "", (_, self, _) => Int.Of((BigInteger)BigInteger.Abs(Whole(self)).GetBitLength())),
        new("bit_count", "", (_, self, _) => Int.Of(BigInteger.Abs(Whole(self)).ToByteArray().Sum(b => BitOperations.PopCount(b)))),
        new("conjugate", "", (_, self, _) => Int.Of(Whole(self))),
        new("is_integer", "", (_, _, _) => Bool.True),
        new("as_integer_ratio", "", (_, self, _) => new TupleValue([Int.Of(Whole(self)), Int.Of(1)])));

    private static readonly FrozenDictionary<string, Builtin> Floats = Table(
        new("is_integer", "", (_, self, _) => Bool.Of(((Float)self).Number is var n && double.IsFinite(n) && n == Math.Floor(n))),
        new("conjugate", "", (_, self, _) => self),
        new("as_integer_ratio", "", (_, self, _) => Ratio(((Float)self).Number)));

    private static readonly FrozenDictionary<string, Builtin> Ranges = Table(
        new("index", "value", (run, self, a) => Array.FindIndex(Iteration.Items(run, self), i => i.Equals(a[0])) is >= 0 and var i ? Int.Of(i) : throw Fail.Runtime($"{Printing.PythonText.Repr(a[0]!)} is not in range")),
        new("count", "value", (run, self, a) => Int.Of(Comparing.Contains(run, self, a[0]!) ? 1 : 0)));

    private static readonly FrozenDictionary<string, Builtin> Loops = Table(
        new("cycle", "*values", (_, self, a) => ((LoopValue)self).Cycle(((TupleValue)a[0]!).Items)),
        new("changed", "*values", (_, self, a) => Bool.Of(((LoopValue)self).Changed((TupleValue)a[0]!))));

    private static readonly FrozenDictionary<string, Builtin> Cyclers = Table(
        new("next", "", (_, self, _) => ((Cycler)self).Next()),
        new("reset", "", (_, self, _) =>
        {
            ((Cycler)self).Reset();
            return None.Instance;
        }));

    private static readonly FrozenDictionary<string, Builtin> Nothing = Table();
    private static readonly FrozenSet<string> ListChanges = FrozenSet.Create("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"), DictChanges = FrozenSet.Create("clear", "pop", "popitem", "setdefault", "update");

    /// <summary>The string method of a name; null where there is none.</summary>
    public static Builtin? OfString(string name) => StringMethods.Table.GetValueOrDefault(name);

    /// <summary>Whether dictionaries have something of their own by that name, which hides a key.</summary>
    public static bool IsDictMember(string name) => Dicts.ContainsKey(name) || DictChanges.Contains(name) || name.StartsWith("__", StringComparison.Ordinal);

    /// <summary>A value's method; null where it has none of that name.</summary>
    public static Builtin? Find(Value value, string name) => (value switch
    {
        Str => StringMethods.Table,
        Sequence when name != "copy" || value is ListValue => Lists,
        DictValue => Dicts,
        Int or Bool => Ints,
        Float => Floats,
        RangeValue => Ranges,
        LoopValue => Loops,
        Cycler => Cyclers,
        _ => Nothing,
    }).GetValueOrDefault(name);

    /// <summary>Whether a method of that name would change the value.</summary>
    public static bool Changes(Value value, string name) => value switch { ListValue => ListChanges.Contains(name), DictValue => DictChanges.Contains(name), _ => false };

    /// <summary>Builtins by name.</summary>
    public static FrozenDictionary<string, Builtin> Table(params Builtin[] builtins) => builtins.ToFrozenDictionary(b => b.Name, StringComparer.Ordinal);

    private static BigInteger Whole(Value value) => Number.IsInt(value, out var n) ? n : default;

    private static Int Index(Run run, Sequence list, Value?[] a)
    {
        var (start, stop) = StringMethods.Bounds(a[1], a[2], list.Items.Length);
        for (int i = start; i < stop; i++)
            if (Comparing.Equal(run, list.Items[i], a[0]!)) return Int.Of(i);
        throw Fail.Runtime(list is ListValue ? $"{Printing.PythonText.Repr(a[0]!)} is not in list" : "tuple.index(x): x not in tuple");
    }

    private static TupleValue Ratio(double value)
    {
        if (!double.IsFinite(value)) throw Fail.Runtime("cannot convert Infinity or NaN to integer ratio");
        var (mantissa, exponent) = Printing.Fraction.Parts(Math.Abs(value));
        BigInteger numerator = mantissa, denominator = BigInteger.One;
        if (exponent >= 0) numerator <<= exponent;
        else denominator <<= -exponent;
        var common = BigInteger.GreatestCommonDivisor(numerator, denominator);
        return new TupleValue([Int.Of((value < 0 ? -numerator : numerator) / common), Int.Of(denominator / common)]);
    }
}

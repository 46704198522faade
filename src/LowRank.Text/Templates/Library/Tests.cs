using System.Collections.Frozen;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>All tests.</summary>
internal static class Tests
{
    public static readonly FrozenDictionary<string, Builtin> Table = Methods.Table([
        Of("defined", v => v is not Undefined), Of("undefined", v => v is Undefined), Of("none", v => v is None),
        Of("boolean", v => v is Bool), Of("true", v => ReferenceEquals(v, Bool.True)), Of("false", v => ReferenceEquals(v, Bool.False)),
        Of("integer", v => v is Int), Of("float", v => v is Float), Of("number", Number.Is), Of("string", v => v is Str), Of("mapping", v => v is DictValue),
        Of("sequence", v => v is Str or Sequence or DictValue or RangeValue or Undefined), Of("iterable", v => Iteration.IsIterable(v) || v is LoopValue),
        Of("callable", v => v is Callable or Undefined), Of("escaped", v => v is Str { IsMarkup: true }),
        new("odd", "", (run, v, _) => Bool.Of(Remainder(run, v, Int.Of(2), Int.Of(1)))), new("even", "", (run, v, _) => Bool.Of(Remainder(run, v, Int.Of(2), Int.Of(0)))),
        new("divisibleby", "num", (run, v, a) => Bool.Of(Remainder(run, v, a[0]!, Int.Of(0)))),
        new("lower", "", (run, v, _) => Bool.Of(PythonCase.IsLower(TextFilters.Soft(v, run).Text))), new("upper", "", (run, v, _) => Bool.Of(PythonCase.IsUpper(TextFilters.Soft(v, run).Text))),
        new("filter", "", (_, v, _) => Bool.Of(v is Str s && Filters.Table.ContainsKey(s.Text))), new("test", "", (_, v, _) => Bool.Of(v is Str s && Table!.ContainsKey(s.Text))),
        new("sameas", "other", (_, v, a) => Bool.Of(Same(v, a[0]!))),
        new("in", "seq", (run, v, a) => Bool.Of(Comparing.Contains(run, a[0]!, v))),
        .. Comparisons(Comparison.Equal, "==", "eq", "equalto"), .. Comparisons(Comparison.NotEqual, "!=", "ne"), .. Comparisons(Comparison.Less, "<", "lt", "lessthan"),
        .. Comparisons(Comparison.LessOrEqual, "<=", "le"), .. Comparisons(Comparison.Greater, ">", "gt", "greaterthan"), .. Comparisons(Comparison.GreaterOrEqual, ">=", "ge"),
    ]);

    /// <summary>The test of a name given as a value.</summary>
    public static Builtin Named(Value name) => name is Str s && Table.TryGetValue(s.Text, out var test) ? test : throw Fail.Runtime($"No test named {Printing.PythonText.Repr(name)}.");

    private static Builtin Of(string name, Func<Value, bool> holds) => new(name, "", (_, v, _) => Bool.Of(holds(v)));

    private static IEnumerable<Builtin> Comparisons(Comparison op, params string[] names) => names.Select(n => new Builtin(n, "other", (run, v, a) => Bool.Of(Comparing.Holds(run, op, v, a[0]!))));

    private static bool Remainder(Run run, Value value, Value by, Value rest) => Comparing.Equal(run, Operators.Apply(run, BinaryOperator.Modulo, value, by), rest);

    /// <summary>Whether it is the same object; small numbers and equal texts are one object in Python, mostly.</summary>
    private static bool Same(Value a, Value b) => ReferenceEquals(a, b) || (a is Int x && b is Int y && x.Number == y.Number) || (a is Str s && b is Str t && s.Text == t.Text && s.IsMarkup == t.IsMarkup);
}

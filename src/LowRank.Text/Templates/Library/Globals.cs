using System.Collections.Frozen;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>The functions every template can call.</summary>
internal static class Globals
{
    /// <summary>dict.fromkeys</summary>
    public static readonly Function FromKeys = new(new Builtin("fromkeys", "iterable, value=", (run, _, a) => MakeFromKeys(run, a)));

    public static readonly FrozenDictionary<string, Value> Table = new Builtin[]
    {
        new("range", "*args", (run, _, a) => Range(((TupleValue)a[0]!).Items)) { IsType = true },
        new("dict", "*args, **kwargs", (run, _, a) => Dict(run, ((TupleValue)a[0]!).Items, (DictValue)a[1]!)) { IsType = true },
        new("namespace", "*args, **kwargs", (run, _, a) => MakeNamespace(run, ((TupleValue)a[0]!).Items, (DictValue)a[1]!)) { IsType = true },
        new("cycler", "*items", (_, _, a) => a[0] is TupleValue { Items.Length: > 0 } items ? new Cycler(items.Items) : throw Fail.Runtime("at least one item has to be provided")) { IsType = true },
        new("joiner", "sep=", (_, _, a) => new Joiner(a[0] ?? new Str(", "))) { IsType = true },
        new("raise_exception", "message", (run, _, a) => throw new TemplateException(TemplateErrorKind.Raised, PythonText.Of(a[0]!, run))),
        new("strftime_now", "format", (run, _, a) => Now(run, StringMethods.Text(a[0]))),
    }.ToFrozenDictionary(b => b.Name, b => (Value)new Function(b), StringComparer.Ordinal);

    public static DictValue MakeFromKeys(Run run, Value?[] a)
    {
        var dict = new DictValue();
        foreach (var key in Iteration.Items(run, a[0]!)) dict.Set(Comparing.Key(run, key), a[1] ?? None.Instance);
        return dict;
    }

    private static RangeValue Range(Value[] a)
    {
        if (a.Length is < 1 or > 3) throw Fail.Runtime($"range expected {(a.Length == 0 ? "at least 1 argument" : "at most 3 arguments")}, got {a.Length}");
        var bounds = a.Select(v => Number.IsInt(v, out var n) ? n : throw (v is Undefined u ? u.Error() : Fail.Runtime($"'{v.TypeName}' object cannot be interpreted as an integer"))).ToArray();
        return a.Length == 1 ? RangeValue.Of(0, bounds[0], 1) : RangeValue.Of(bounds[0], bounds[1], a.Length == 3 ? bounds[2] : 1);
    }

    private static DictValue Dict(Run run, Value[] a, DictValue named)
    {
        if (a.Length > 1) throw Fail.Runtime($"dict expected at most 1 argument, got {a.Length}");
        var dict = new DictValue();
        if (a.Length == 1) Fill(run, dict, a[0]);
        Fill(run, dict, named);
        return dict;
    }

    private static void Fill(Run run, DictValue dict, Value from)
    {
        if (from is DictValue other)
        {
            run.Charge(other.Count);
            for (int i = 0; i < other.Count; i++) dict.Set(other.At(i).Key, other.At(i).Value);
            return;
        }
        if (from is Undefined undefined) throw undefined.Error(); // Python asks it for its keys first
        foreach (var item in Iteration.Items(run, from))
        {
            var pair = Iteration.IsIterable(item) ? Iteration.Items(run, item) : throw Fail.Runtime("cannot convert dictionary update sequence element #0 to a sequence");
            if (pair.Length != 2) throw Fail.Runtime($"dictionary update sequence element #{dict.Count} has length {pair.Length}; 2 is required");
            dict.Set(Comparing.Key(run, pair[0]), pair[1]);
        }
    }

    private static Namespace MakeNamespace(Run run, Value[] a, DictValue named)
    {
        var holder = new Namespace();
        var all = Dict(run, a, named);
        for (int i = 0; i < all.Count; i++) holder.Set(PythonText.Of(all.At(i).Key, run), all.At(i).Value);
        return holder;
    }

    private static Str Now(Run run, string format)
    {
        run.ChargeLength(format.Length * 8L);
        return new Str(TimeText.Of(run.Now, format));
    }
}

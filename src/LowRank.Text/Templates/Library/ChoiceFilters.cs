using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>map, select, reject and their attribute forms.</summary>
internal static class ChoiceFilters
{
    public static readonly Builtin[] All =
    [
        new("map", "*args, **kwargs", (run, v, a) => v.IsTrue ? Map(run, v, ((TupleValue)a[0]!).Items, (DictValue)a[1]!) : ListFilters.Generator([])),
        new("select", "*args, **kwargs", (run, v, a) => Choose(run, v, a, keeps: true, byAttribute: false)),
        new("reject", "*args, **kwargs", (run, v, a) => Choose(run, v, a, keeps: false, byAttribute: false)),
        new("selectattr", "*args, **kwargs", (run, v, a) => Choose(run, v, a, keeps: true, byAttribute: true)),
        new("rejectattr", "*args, **kwargs", (run, v, a) => Choose(run, v, a, keeps: false, byAttribute: true)),
    ];

    private static Generator Map(Run run, Value value, Value[] arguments, DictValue named)
    {
        var items = Iteration.Items(run, value);
        if (arguments.Length == 0 && named.Get(new Str("attribute")) is { } attribute)
        {
            foreach (var key in named.Keys())
                if (key is Str { Text: not ("attribute" or "default") } other) throw Fail.Runtime($"Unexpected keyword argument '{other.Text}'");
            return ListFilters.Generator(new AttributePath(attribute, named.Get(new Str("default"))).Of(run, items));
        }
        if (arguments.Length == 0) throw Fail.Runtime("map requires a filter argument");
        var filter = Filters.Named(arguments[0]);
        var given = Given(arguments[1..], named);
        var mapped = new Value[items.Length];
        for (int i = 0; i < mapped.Length; i++)
        {
            run.Charge(1);
            mapped[i] = filter.Call(run, items[i], given);
        }
        return ListFilters.Generator(mapped);
    }

    private static Generator Choose(Run run, Value value, Value?[] a, bool keeps, bool byAttribute)
    {
        if (!value.IsTrue) return ListFilters.Generator([]);
        var arguments = ((TupleValue)a[0]!).Items;
        if (byAttribute && arguments.Length == 0) throw Fail.Runtime("Missing parameter for attribute name");
        var path = new AttributePath(byAttribute ? arguments[0] : null);
        if (byAttribute) arguments = arguments[1..];
        var test = arguments.Length > 0 ? Tests.Named(arguments[0]) : null;
        var given = test is null ? Arguments.None : Given(arguments[1..], (DictValue)a[1]!);
        List<Value> kept = [];
        foreach (var item in Iteration.Items(run, value))
        {
            run.Charge(1);
            var looked = path.Of(run, item);
            if ((test is null ? looked : test.Call(run, looked, given)).IsTrue == keeps) kept.Add(item);
        }
        return ListFilters.Generator([.. kept]);
    }

    private static Arguments Given(Value[] positional, DictValue named)
        => new(positional, [.. named.Keys().Select(k => new KeyValuePair<string, Value>(((Str)k).Text, named.Get(k)!))]);
}

using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>Attributes and items, as the reference's sandbox gives them.</summary>
internal static class Members
{
    private static readonly string[] Types = ["__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__", "__getstate__", "__gt__", "__hash__", "__init__", "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__", "__reduce__", "__reduce_ex__", "__repr__", "__setattr__", "__sizeof__", "__str__", "__subclasshook__"];
    private static readonly string[] Numbers = ["__abs__", "__add__", "__bool__", "__divmod__", "__float__", "__floordiv__", "__int__", "__mod__", "__mul__", "__neg__", "__pos__", "__pow__", "__radd__", "__rdivmod__", "__rfloordiv__", "__rmod__", "__rmul__", "__round__", "__rpow__", "__rsub__", "__rtruediv__", "__sub__", "__truediv__", "__trunc__", "__getnewargs__", "__ceil__", "__floor__"];
    private static readonly string[] Sequences = ["__add__", "__contains__", "__getitem__", "__iter__", "__len__", "__mul__", "__rmul__", "__getnewargs__", "__class_getitem__", "__reversed__"];
    private static readonly string[] Functions = ["__annotations__", "__builtins__", "__call__", "__closure__", "__code__", "__defaults__", "__dict__", "__get__", "__globals__", "__kwdefaults__", "__module__", "__name__", "__qualname__", "__self__", "__text_signature__", "__type_params__", "__wrapped__"];
    private static readonly HashSet<string> OfAll = [.. Types], OfNumbers = [.. Types, .. Numbers], OfSequences = [.. Types, .. Sequences, "__mod__", "__rmod__"], OfOthers = [.. Types, .. Functions, .. Sequences], OfUndefined = [.. Types, .. Numbers, .. Sequences, "__call__", "__dict__", "__module__"];

    /// <summary>value.name</summary>
    public static Value Attribute(Value value, Str name, Run run)
    {
        if (value is Undefined u && !OfUndefined.Contains(name.Text)) throw u.Error();
        if (value is BlocksValue && run.Tree.Blocks.TryGetValue(name.Text, out var block)) return new BlockReference(block);
        if (Own(value, name.Text) is { } own) return own;
        if (value is DictValue dict && dict.Get(name) is { } item) return item;
        run.Charge(1);
        return new Undefined(name, value);
    }

    /// <summary>value[index]</summary>
    public static Value Item(Value value, Value index, Run run)
    {
        switch (value)
        {
            case Undefined u: throw u.Error();
            case DictValue dict when index.IsHashable:
                run.Charge(index.Weight);
                if (dict.Get(index) is { } found) return found;
                break;
            case Sequence s when At(index, s.Items.Length) is >= 0 and var i: return s.Items[i];
            case Str s when At(index, s.Length) is >= 0 and var i: return s.IsMarkup ? new Str(s.At(i).Text, true) : s.At(i);
            case RangeValue r when At(index, r.Count) is >= 0 and var i: return r.At(i);
        }
        if (index is Str name && Own(value, name.Text) is { } own) return own;
        return new Undefined(index, value);
    }

    /// <summary>What Python's getattr finds: a method or a field of the value itself; null where there is none.</summary>
    public static Value? Own(Value value, string name)
    {
        if (Methods.Find(value, name) is { } method) return new BoundMethod(value, method);
        if (Field(value, name) is { } field) return field;
        return IsForbidden(value, name) ? new Undefined(new Str(name), value, $"access to attribute '{name}' of '{value.TypeName}' object is unsafe.", TemplateErrorKind.Security) : null;
    }

    private static bool IsForbidden(Value value, string name)
    {
        if (Methods.Changes(value, name)) return true;
        if (!name.StartsWith("__", StringComparison.Ordinal)) return false;
        return (value switch { Int or Float or Bool => OfNumbers, Str or Sequence or DictValue or RangeValue or DictView => OfSequences, None => OfAll, Undefined => OfUndefined, _ => OfOthers }).Contains(name);
    }

    private static Value? Field(Value value, string name) => value switch
    {
        Namespace n => n.Get(name),
        LoopValue l => l.Get(name),
        MacroValue m => Macro(m, name),
        Cycler c when name == "current" => c.Current,
        TupleValue { Fields: { } fields } t => Array.IndexOf(fields, name) is >= 0 and var i ? t.Items[i] : null,
        RangeValue r => name switch { "start" => Int.Of(r.Start), "stop" => Int.Of(r.Stop), "step" => Int.Of(r.Step), _ => null },
        Int or Bool => name switch { "real" or "numerator" => Number.IsInt(value, out var i) ? Int.Of(i) : null, "imag" => Int.Of(0), "denominator" => Int.Of(1), _ => null },
        Float f => name switch { "real" => f, "imag" => new Float(0), _ => null },
        Function { Builtin.Name: "dict" } when name == "fromkeys" => Globals.FromKeys,
        _ => null,
    };

    private static Value? Macro(MacroValue macro, string name) => name switch
    {
        "name" => macro.Body.Name is { } n ? new Str(n) : None.Instance,
        "arguments" => new TupleValue([.. macro.Body.Parameters.Select(p => new Str(p.Text))]),
        "catch_kwargs" => Bool.Of(macro.Body.KwargsIndex >= 0),
        "catch_varargs" => Bool.Of(macro.Body.VarargsIndex >= 0),
        "caller" => Bool.Of(macro.Body.CallerIndex >= 0 || macro.Body.CallerParameter >= 0),
        "explicit_caller" => Bool.Of(macro.Body.CallerParameter >= 0),
        _ => null,
    };

    /// <summary>An index from either end; negative where it is none or out of bounds.</summary>
    private static int At(Value index, int length)
    {
        if (!Number.IsInt(index, out var i)) return -1;
        if (i.Sign < 0) i += length;
        return i >= 0 && i < length ? (int)i : -1;
    }
}

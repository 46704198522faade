namespace LowRank.Text.Templates.Values;

/// <summary>A namespace: the one thing whose attributes a template can set.</summary>
internal sealed class Namespace : Value
{
    private readonly Dictionary<string, Value> _attributes = new(StringComparer.Ordinal);
    private bool _printing;

    public override string TypeName => "transformers.utils.chat_template_utils.TemplateNamespace";
    public IEnumerable<KeyValuePair<string, Value>> Attributes => _attributes;
    public Value? Get(string name) => _attributes.GetValueOrDefault(name);

    /// <summary>Whether it is not being printed already, as one that holds itself is.</summary>
    public bool BeginPrinting() => !_printing && (_printing = true);
    public void EndPrinting() => _printing = false;

    /// <summary>Sets an attribute; a private one is refused.</summary>
    public void Set(string name, Value value)
    {
        if (name.StartsWith('_')) throw new TemplateException(TemplateErrorKind.Security, $"Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'. Please rename the attribute.");
        _attributes[name] = value;
    }
}

/// <summary>Something that can be called.</summary>
internal abstract class Callable : Value
{
    public abstract Value Call(Evaluation.Run run, Arguments arguments);
}

/// <summary>A built-in function: global, filter or test.</summary>
internal sealed class Function(Library.Builtin builtin) : Callable
{
    public override string TypeName => builtin.IsType ? "type" : "function";
    public Library.Builtin Builtin => builtin;
    public override Value Call(Evaluation.Run run, Arguments arguments) => builtin.Call(run, null, arguments);
}

/// <summary>A method together with what it belongs to.</summary>
internal sealed class BoundMethod(Value self, Library.Builtin method) : Callable
{
    public override string TypeName => "builtin_function_or_method";
    public Value Self => self;
    public Library.Builtin Method => method;
    public override Value Call(Evaluation.Run run, Arguments arguments) => method.Call(run, self, arguments);
}

/// <summary>cycler(…): gives its values in turn.</summary>
internal sealed class Cycler(Value[] items) : Value
{
    private int _at;
    public override string TypeName => "Cycler";
    public Value Current => items[_at];
    public void Reset() => _at = 0;

    public Value Next()
    {
        var current = Current;
        _at = (_at + 1) % items.Length;
        return current;
    }
}

/// <summary>joiner(…): nothing at the first call, its text at each later one.</summary>
internal sealed class Joiner(Value separator) : Callable
{
    private bool _used;
    public override string TypeName => "Joiner";

    public override Value Call(Evaluation.Run run, Arguments arguments)
    {
        if (arguments.Count > 0) throw Fail.Runtime($"Joiner.__call__() takes 1 positional argument but {arguments.Count + 1} were given");
        if (_used) return separator;
        _used = true;
        return Str.Empty;
    }
}

/// <summary>What a call is given: values by place and by name.</summary>
internal readonly struct Arguments(Value[] positional, KeyValuePair<string, Value>[]? named = null)
{
    public static readonly Arguments None = new([]);
    public Value[] Positional { get; } = positional;
    public KeyValuePair<string, Value>[] Named { get; } = named ?? [];
    public int Count => Positional.Length + Named.Length;
}

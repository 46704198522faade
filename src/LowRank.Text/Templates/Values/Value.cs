namespace LowRank.Text.Templates.Values;

/// <summary>A value of the template language: Python's, with Python's equality and truth. Immutable but for namespaces, loops, cyclers and joiners.</summary>
internal abstract class Value
{
    /// <summary>The type's name as Python's errors give it.</summary>
    public abstract string TypeName { get; }
    /// <summary>Whether an if takes it for true.</summary>
    public virtual bool IsTrue => true;
    /// <summary>How much work it is to walk over all of it, counting shared parts each time.</summary>
    public virtual long Weight => 1;
    /// <summary>Whether it can be a dictionary's key.</summary>
    public virtual bool IsHashable => true;

    /// <inheritdoc/>
    public override bool Equals(object? other) => ReferenceEquals(this, other);
    /// <inheritdoc/>
    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    /// <summary>The weight of a whole with these parts.</summary>
    protected static long Sum(ReadOnlySpan<Value> parts)
    {
        long sum = 1;
        foreach (var part in parts) sum = Math.Min(sum + part.Weight, long.MaxValue / 4);
        return sum;
    }
}

/// <summary>Python's None.</summary>
internal sealed class None : Value
{
    public static readonly None Instance = new();
    public override string TypeName => "NoneType";
    public override bool IsTrue => false;
}

/// <summary>What a name without a value gives; printing it gives nothing, most else is an error.</summary>
/// <param name="name">The name that was looked up; null where <paramref name="hint"/> says all.</param>
/// <param name="of">What the name was looked up in; null for a variable.</param>
/// <param name="hint">The whole message; null to make one of the name.</param>
/// <param name="kind">The kind of error that using it is.</param>
internal sealed class Undefined(Value? name, Value? of = null, string? hint = null, TemplateErrorKind kind = TemplateErrorKind.Undefined) : Value
{
    public override string TypeName => "Undefined";
    public override bool IsTrue => false;
    public override bool Equals(object? other) => other is Undefined;
    public override int GetHashCode() => 0;

    /// <summary>The error of using it.</summary>
    public TemplateException Error() => new(kind, hint ?? Message());

    private string Message()
    {
        if (of is null) return $"{Printing.PythonText.Repr(name!)} is undefined";
        string what = of is None ? "None" : $"{of.TypeName} object";
        return name is Str
            ? $"'{what}' has no attribute {Printing.PythonText.Repr(name)}"
            : $"{what} has no element {Printing.PythonText.Repr(name!)}";
    }
}

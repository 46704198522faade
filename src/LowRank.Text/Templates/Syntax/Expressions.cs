using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Syntax;

/// <summary>An expression of the tree.</summary>
/// <param name="offset">Where it stands in the template.</param>
/// <param name="parts">What it is made of; absent ones null.</param>
internal abstract class Expression(int offset, params ReadOnlySpan<Expression?> parts)
{
    public int Offset { get; } = offset;
    /// <summary>How many expressions lie within each other.</summary>
    public int Depth { get; } = 1 + Deepest(parts);

    private static int Deepest(ReadOnlySpan<Expression?> parts)
    {
        int depth = 0;
        foreach (var part in parts) depth = Math.Max(depth, part?.Depth ?? 0);
        return depth;
    }
}

/// <summary>A literal.</summary>
internal sealed class Const(int offset, Value value) : Expression(offset)
{
    public Value Value { get; } = value;
}

/// <summary>The template's own text between tags.</summary>
internal sealed class Data(int offset, string text) : Expression(offset)
{
    public string Text { get; } = text;
}

/// <summary>How a name is used.</summary>
internal enum NameUse { Load, Store, Parameter }

/// <summary>A variable; the binder finds its slot.</summary>
internal sealed class Name(int offset, string text) : Expression(offset)
{
    public string Text { get; } = text;
    public NameUse Use { get; set; }
    /// <summary>How many functions out its slot lies.</summary>
    public int Hops { get; set; }
    public int Index { get; set; }
    /// <summary>What it gives without a value.</summary>
    public Undefined Missing { get; } = new(new Str(text));
}

/// <summary>namespace.attribute as the target of a set.</summary>
internal sealed class NamespaceTarget(int offset, Name holder, string attribute) : Expression(offset, holder)
{
    public Name Holder { get; } = holder;
    public string Attribute { get; } = attribute;
}

/// <summary>a.b</summary>
internal sealed class GetAttribute(int offset, Expression target, string name) : Expression(offset, target)
{
    public Expression Target { get; } = target;
    public Str Name { get; } = new(name);
    /// <summary>The string method of that name, looked up once.</summary>
    public Builtin? StringMethod { get; } = Methods.OfString(name);
    /// <summary>Whether dictionaries have something of their own by that name.</summary>
    public bool IsDictMember { get; } = Methods.IsDictMember(name);
}

/// <summary>a[b]</summary>
internal sealed class GetItem(int offset, Expression target, Expression index) : Expression(offset, target, index)
{
    public Expression Target { get; } = target;
    public Expression Index { get; } = index;
    /// <summary>Whether both are literals.</summary>
    public bool IsConstant { get; } = target is Const && Walk.Parts(index).All(p => p is Const or Sign { Operand: Const });
}

/// <summary>b:c:d within brackets.</summary>
internal sealed class SliceNode(int offset, Expression? start, Expression? stop, Expression? step) : Expression(offset, start, stop, step)
{
    public Expression? Start { get; } = start;
    public Expression? Stop { get; } = stop;
    public Expression? Step { get; } = step;
}

/// <summary>What stands between the parentheses of a call.</summary>
internal sealed record ArgumentList(Expression[] Positional, (string Name, Expression Value)[] Named, Expression? Spread, Expression? NamedSpread)
{
    public static readonly ArgumentList None = new([], [], null, null);

    /// <summary>All expressions in it.</summary>
    public Expression?[] All { get; } = [.. Positional, .. Named.Select(n => n.Value), Spread, NamedSpread];
}

/// <summary>f(…)</summary>
internal sealed class Call(int offset, Expression callee, ArgumentList arguments) : Expression(offset, [callee, .. arguments.All])
{
    public Expression Callee { get; } = callee;
    public ArgumentList Arguments { get; } = arguments;
}

/// <summary>x | name(…), or the head of a filter block, where there is no x.</summary>
internal sealed class Filter(int offset, Expression? target, string name, ArgumentList arguments) : Expression(offset, [target, .. arguments.All])
{
    public Expression? Target { get; } = target;
    public string Name { get; } = name;
    public ArgumentList Arguments { get; } = arguments;
    public Builtin? Builtin { get; } = Filters.Table.GetValueOrDefault(name);
}

/// <summary>x is name(…)</summary>
internal sealed class Test(int offset, Expression target, string name, ArgumentList arguments) : Expression(offset, [target, .. arguments.All])
{
    public Expression Target { get; } = target;
    public string Name { get; } = name;
    public ArgumentList Arguments { get; } = arguments;
    public Builtin? Builtin { get; } = Tests.Table.GetValueOrDefault(name);
}

/// <summary>-x and +x.</summary>
internal sealed class Sign(int offset, bool negative, Expression operand) : Expression(offset, operand)
{
    public bool Negative { get; } = negative;
    public Expression Operand { get; } = operand;
}

/// <summary>not x</summary>
internal sealed class Not(int offset, Expression operand) : Expression(offset, operand)
{
    public Expression Operand { get; } = operand;
}

/// <summary>The arithmetic operators.</summary>
internal enum BinaryOperator { Add, Subtract, Multiply, Divide, FloorDivide, Modulo, Power }

/// <summary>a + b and its like.</summary>
internal sealed class Binary(int offset, BinaryOperator op, Expression left, Expression right) : Expression(offset, left, right)
{
    public BinaryOperator Operator { get; } = op;
    public Expression Left { get; } = left;
    public Expression Right { get; } = right;
}

/// <summary>a and b, a or b.</summary>
internal sealed class Logic(int offset, bool isAnd, Expression left, Expression right) : Expression(offset, left, right)
{
    public bool IsAnd { get; } = isAnd;
    public Expression Left { get; } = left;
    public Expression Right { get; } = right;
}

/// <summary>a ~ b ~ c</summary>
internal sealed class Concat(int offset, Expression[] parts) : Expression(offset, parts)
{
    public Expression[] Parts { get; } = parts;
}

/// <summary>The comparing operators.</summary>
internal enum Comparison { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, In, NotIn }

/// <summary>a &lt; b &lt; c: each with its neighbour.</summary>
internal sealed class Compare(int offset, Expression first, (Comparison Operator, Expression Operand)[] rest) : Expression(offset, [first, .. rest.Select(r => r.Operand)])
{
    public Expression First { get; } = first;
    public (Comparison Operator, Expression Operand)[] Rest { get; } = rest;
}

/// <summary>a if test else b</summary>
internal sealed class Conditional(int offset, Expression test, Expression then, Expression? otherwise, int line) : Expression(offset, test, then, otherwise)
{
    public Expression Test { get; } = test;
    public Expression Then { get; } = then;
    public Expression? Otherwise { get; } = otherwise;
    /// <summary>What it gives where the test fails and there is no else.</summary>
    public Undefined Missing { get; } = new(null, hint: $"the inline if-expression on line {line} evaluated to false and no else section was defined.");
}

/// <summary>[…] or (…).</summary>
internal sealed class SequenceNode(int offset, bool isTuple, Expression[] items) : Expression(offset, items)
{
    public bool IsTuple { get; } = isTuple;
    public Expression[] Items { get; } = items;
}

/// <summary>{…}</summary>
internal sealed class DictNode(int offset, (Expression Key, Expression Value)[] items) : Expression(offset, [.. items.SelectMany(i => new[] { i.Key, i.Value })])
{
    public (Expression Key, Expression Value)[] Items { get; } = items;
}

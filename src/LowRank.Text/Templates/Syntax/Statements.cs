namespace LowRank.Text.Templates.Syntax;

/// <summary>A statement of the tree.</summary>
/// <param name="offset">Where it stands in the template.</param>
internal abstract class Statement(int offset)
{
    public int Offset { get; } = offset;
}

/// <summary>Text and {{ … }} in a row.</summary>
internal sealed class Output(int offset, Expression[] parts) : Statement(offset)
{
    public Expression[] Parts { get; } = parts;
}

/// <summary>What is done to a scope's slots when it is entered.</summary>
internal sealed class Scope
{
    /// <summary>One slot's first value: a context variable, a slot further out, or none.</summary>
    internal readonly record struct Entry(int Index, string? Variable, int SourceHops, int SourceIndex);

    public Entry[] Entries { get; set; } = [];
}

/// <summary>{% for %}</summary>
internal sealed class For(int offset, Expression target, Expression items, Expression? test, bool recursive, Statement[] body, Statement[] otherwise) : Statement(offset)
{
    public Expression Target { get; } = target;
    public Expression Items { get; } = items;
    public Expression? Test { get; } = test;
    public bool Recursive { get; } = recursive;
    public Statement[] Body { get; } = body;
    public Statement[] Otherwise { get; } = otherwise;
    /// <summary>The target of the test, which has slots of its own.</summary>
    public Expression? TestTarget { get; set; }
    public Scope BodyScope { get; } = new();
    public Scope TestScope { get; } = new();
    public Scope OtherwiseScope { get; } = new();
    /// <summary>The slot of loop; negative where the body does not use it.</summary>
    public int LoopIndex { get; set; } = -1;
    /// <summary>Slots of the function that a recursive loop is.</summary>
    public Slots Slots { get; set; } = null!;
}

/// <summary>How many slots a function has; grows while it is bound.</summary>
internal sealed class Slots(Slots? outer)
{
    public Slots? Outer { get; } = outer;
    public int Count { get; set; }
}

/// <summary>{% if %} with its branches in order, an else having no test.</summary>
internal sealed class If(int offset, (Expression? Test, Statement[] Body)[] branches) : Statement(offset)
{
    public (Expression? Test, Statement[] Body)[] Branches { get; } = branches;
}

/// <summary>The body of a macro or call block.</summary>
internal sealed class MacroBody(string? name, Name[] parameters, Expression?[] defaults, Statement[] body)
{
    public string? Name { get; } = name;
    public Name[] Parameters { get; } = parameters;
    public Expression?[] Defaults { get; } = defaults;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
    public Slots Slots { get; set; } = null!;
    /// <summary>Slots of what the body uses beyond its parameters; negative where it does not.</summary>
    public int CallerIndex { get; set; } = -1;
    public int VarargsIndex { get; set; } = -1;
    public int KwargsIndex { get; set; } = -1;
    /// <summary>The parameter that is named caller; negative where none is.</summary>
    public int CallerParameter { get; set; } = -1;
}

/// <summary>{% macro %}</summary>
internal sealed class Macro(int offset, Name name, MacroBody body) : Statement(offset)
{
    public Name Name { get; } = name;
    public MacroBody Body { get; } = body;
    /// <summary>Whether it is set in the context as well.</summary>
    public bool IsTopLevel { get; set; }
}

/// <summary>{% call %}</summary>
internal sealed class CallBlock(int offset, Call call, MacroBody body) : Statement(offset)
{
    public Call Call { get; } = call;
    public MacroBody Body { get; } = body;
}

/// <summary>{% generation %}: the assistant's part.</summary>
internal sealed class Generation(int offset, MacroBody body) : Statement(offset)
{
    public MacroBody Body { get; } = body;
}

/// <summary>{% filter %}</summary>
internal sealed class FilterBlock(int offset, Filter filter, Statement[] body) : Statement(offset)
{
    public Filter Filter { get; } = filter;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
}

/// <summary>{% with %}</summary>
internal sealed class With(int offset, (Expression Target, Expression Value)[] assignments, Statement[] body) : Statement(offset)
{
    public (Expression Target, Expression Value)[] Assignments { get; } = assignments;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
}

/// <summary>{% set a = … %}</summary>
internal sealed class Assign(int offset, Expression target, Expression value) : Statement(offset)
{
    public Expression Target { get; } = target;
    public Expression Value { get; } = value;
    /// <summary>The names that are set in the context as well.</summary>
    public Name[] Exported { get; set; } = [];
}

/// <summary>{% set a %}…{% endset %}</summary>
internal sealed class AssignBlock(int offset, Expression target, Filter? filter, Statement[] body) : Statement(offset)
{
    public Expression Target { get; } = target;
    public Filter? Filter { get; } = filter;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
    public Name[] Exported { get; set; } = [];
}

/// <summary>{% block %}: runs where it stands, seeing the context's variables only.</summary>
internal sealed class Block(int offset, string name, bool scoped, bool required, Statement[] body) : Statement(offset)
{
    public string Name { get; } = name;
    public bool Scoped { get; } = scoped;
    public bool Required { get; } = required;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
    public Slots Slots { get; set; } = null!;
    /// <summary>The slot of self; negative where the body does not use it.</summary>
    public int SelfIndex { get; set; } = -1;
    /// <summary>Where a scoped block finds the variables of the place it stands at.</summary>
    public (string Name, int Hops, int Index)[] Visible { get; set; } = [];
}

/// <summary>{% autoescape %}</summary>
internal sealed class AutoEscape(int offset, Expression value, Statement[] body) : Statement(offset)
{
    public Expression Value { get; } = value;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
}

/// <summary>{% break %} and {% continue %}.</summary>
internal sealed class LoopControl(int offset, bool isBreak) : Statement(offset)
{
    public bool IsBreak { get; } = isBreak;
}

/// <summary>{% include %}, {% import %}, {% from %}, {% extends %}: there is no loader.</summary>
internal sealed class NeedsLoader(int offset, Expression template, Name[] names) : Statement(offset)
{
    public Expression Template { get; } = template;
    /// <summary>The names it would set.</summary>
    public Name[] Names { get; } = names;
}

/// <summary>A whole template.</summary>
internal sealed class Tree(Source source, Statement[] body)
{
    public Source Source { get; } = source;
    public Statement[] Body { get; } = body;
    public Scope Scope { get; } = new();
    public Slots Slots { get; } = new(null);
    public int SelfIndex { get; set; } = -1;
    /// <summary>Its blocks by name.</summary>
    public Dictionary<string, Block> Blocks { get; } = new(StringComparer.Ordinal);
    public bool MarksGeneration { get; set; }
}

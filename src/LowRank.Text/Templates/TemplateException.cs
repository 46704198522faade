namespace LowRank.Text.Templates;

/// <summary>What kind of mistake a template or its data made.</summary>
public enum TemplateErrorKind
{
    /// <summary>The template does not compile.</summary>
    Syntax,
    /// <summary>The template called raise_exception.</summary>
    Raised,
    /// <summary>A forbidden attribute, a changing method, a range that is too big.</summary>
    Security,
    /// <summary>An operation on an undefined value.</summary>
    Undefined,
    /// <summary>All else: wrong types, division by zero, a limit on work or size.</summary>
    Runtime,
}

/// <summary>A template that does not compile or does not render.</summary>
public sealed class TemplateException : Exception
{
    internal TemplateException(TemplateErrorKind kind, string reason) : base(reason) => (Kind, Reason) = (kind, reason);

    internal TemplateException(TemplateErrorKind kind, string reason, string name, int line, int column, Exception? inner = null)
        : base($"{name}, line {line}, column {column}: {reason}", inner)
        => (Kind, Reason, Line, Column) = (kind, reason, line, column);

    /// <summary>The kind of mistake.</summary>
    public TemplateErrorKind Kind { get; }
    /// <summary>What happened, without the place; what raise_exception was given.</summary>
    public string Reason { get; }
    /// <summary>The template's line, from 1; 0 where the template has no part in it.</summary>
    public int Line { get; }
    /// <summary>The place in the line, from 1.</summary>
    public int Column { get; }

    internal TemplateException At(string name, int line, int column) => Line > 0 ? this : new(Kind, Reason, name, line, column, this);
}

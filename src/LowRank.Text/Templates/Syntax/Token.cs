namespace LowRank.Text.Templates.Syntax;

/// <summary>What a token is.</summary>
internal enum TokenKind { Data, VariableBegin, VariableEnd, BlockBegin, BlockEnd, Name, String, Integer, Float, Operator, Eof }

/// <summary>A token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text: a string's value, an operator's characters.</param>
/// <param name="Offset">Where it begins.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Offset)
{
    /// <summary>Whether it is this operator.</summary>
    public bool Is(string op) => Kind == TokenKind.Operator && Text == op;

    /// <summary>Whether it is this name.</summary>
    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    /// <summary>What errors call it.</summary>
    public string Description => Kind switch
    {
        TokenKind.Name or TokenKind.Operator => Text,
        TokenKind.Data => "template data / text",
        TokenKind.VariableBegin => "begin of print statement",
        TokenKind.VariableEnd => "end of print statement",
        TokenKind.BlockBegin => "begin of statement block",
        TokenKind.BlockEnd => "end of statement block",
        TokenKind.Eof => "end of template",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}

/// <summary>A template's text with its line breaks made one kind, and where its lines begin.</summary>
internal sealed class Source
{
    private readonly List<int> _lines = [0];

    public Source(string text, string name)
    {
        Name = name;
        if (text.Length > TemplateLimits.TemplateLength) throw new TemplateException(TemplateErrorKind.Syntax, $"the template is longer than {TemplateLimits.TemplateLength} characters", name, 1, 1);
        text = text.Contains('\r', StringComparison.Ordinal) ? text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : text;
        Text = text.EndsWith('\n') ? text[..^1] : text; // the reference drops one final line break
        for (int i = 0; i < Text.Length; i++)
            if (Text[i] == '\n') _lines.Add(i + 1);
    }

    public string Name { get; }
    public string Text { get; }

    /// <summary>The line and column of a place, both from 1.</summary>
    public (int Line, int Column) Place(int offset)
    {
        int line = _lines.BinarySearch(offset);
        if (line < 0) line = ~line - 1;
        return (line + 1, offset - _lines[line] + 1);
    }

    /// <summary>An error at a place.</summary>
    public TemplateException Error(string reason, int offset, TemplateErrorKind kind = TemplateErrorKind.Syntax)
    {
        var (line, column) = Place(offset);
        return new TemplateException(kind, reason, Name, line, column);
    }
}

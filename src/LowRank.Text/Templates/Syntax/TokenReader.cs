namespace LowRank.Text.Templates.Syntax;

/// <summary>Walks over a template's tokens.</summary>
internal abstract class TokenReader(Source source, List<Token> tokens)
{
    private int _at;
    private int _nesting;

    protected Source Source { get; } = source;
    protected Token Current => tokens[_at];
    protected Token Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];
    protected bool AtEnd => Current.Kind == TokenKind.Eof;

    protected Token Next()
    {
        var token = Current;
        if (_at < tokens.Count - 1) _at++;
        return token;
    }

    protected bool Skip(string op)
    {
        if (!Current.Is(op)) return false;
        Next();
        return true;
    }

    protected bool SkipName(string name)
    {
        if (!Current.IsName(name)) return false;
        Next();
        return true;
    }

    protected Token Expect(string op) => Current.Is(op) ? Next() : throw Expected(op);

    protected Token ExpectName(string name) => Current.IsName(name) ? Next() : throw Expected(name);

    protected Token Expect(TokenKind kind) => Current.Kind == kind ? Next() : throw Expected(new Token(kind, "name", 0).Description);

    protected TemplateException Expected(string what)
        => AtEnd ? Error($"unexpected end of template, expected '{what}'.") : Error($"expected token '{what}', got '{Current.Description}'");

    protected TemplateException Error(string reason, int? offset = null) => Source.Error(reason, offset ?? Current.Offset);

    /// <summary>Counts brackets and statements within each other.</summary>
    protected T Within<T>(Func<T> parse)
    {
        if (++_nesting > TemplateLimits.Nesting) throw TooDeep(Current.Offset);
        var result = parse();
        _nesting--;
        return result;
    }

    /// <summary>Refuses a tree that is too deep to walk over.</summary>
    protected T Checked<T>(T node) where T : Expression => node.Depth <= TemplateLimits.TreeDepth ? node : throw TooDeep(node.Offset);

    private TemplateException TooDeep(int offset) => Source.Error("maximum recursion depth exceeded", offset, TemplateErrorKind.Runtime);
}

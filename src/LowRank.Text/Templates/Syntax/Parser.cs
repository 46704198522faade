namespace LowRank.Text.Templates.Syntax;

/// <summary>The grammar of statements.</summary>
internal sealed partial class Parser : ExpressionParser
{
    private readonly Dictionary<string, Func<Statement>> _tags;
    private readonly Stack<string> _open = new();
    private readonly Stack<string[]> _ends = new();

    private Parser(Source source, List<Token> tokens) : base(source, tokens) => _tags = new()
    {
        ["for"] = For, ["if"] = If, ["set"] = Set, ["with"] = With, ["macro"] = Macro, ["call"] = Call, ["filter"] = FilterBlock, ["block"] = Block,
        ["print"] = Print, ["autoescape"] = AutoEscape, ["generation"] = Generation, ["break"] = () => Control(true), ["continue"] = () => Control(false),
        ["include"] = Include, ["import"] = Import, ["from"] = FromImport, ["extends"] = Extends,
    };

    /// <summary>Parses a template and binds its names.</summary>
    public static Tree Parse(Source source)
    {
        var parser = new Parser(source, Lexer.Tokens(source));
        var tree = new Tree(source, parser.Statements(null));
        Binder.Bind(tree);
        return tree;
    }

    private Statement[] Statements(string[]? ends)
    {
        List<Statement> body = [];
        List<Expression> row = [];
        void Flush()
        {
            if (row.Count > 0) body.Add(new Output(row[0].Offset, [.. row]));
            row.Clear();
        }
        if (ends is not null) _ends.Push(ends);
        while (!AtEnd)
        {
            var token = Next();
            if (token.Kind == TokenKind.Data) row.Add(new Data(token.Offset, token.Text));
            else if (token.Kind == TokenKind.VariableBegin)
            {
                row.Add(Tuple());
                Expect(TokenKind.VariableEnd, "end of print statement");
            }
            else
            {
                Flush();
                if (ends is not null && Current.Kind == TokenKind.Name && ends.Contains(Current.Text)) break;
                body.Add(Within(Statement));
                Expect(TokenKind.BlockEnd, "end of statement block");
            }
        }
        Flush();
        if (ends is not null && AtEnd) throw Unexpected(null);
        if (ends is not null) _ends.Pop();
        return [.. body];
    }

    private void Expect(TokenKind kind, string description)
    {
        if (Current.Kind != kind) throw Expected(description);
        Next();
    }

    private Statement Statement()
    {
        if (Current.Kind != TokenKind.Name) throw Error("tag name expected");
        if (!_tags.TryGetValue(Current.Text, out var tag)) throw Unexpected(Current.Text);
        _open.Push(Current.Text);
        var statement = tag();
        _open.Pop();
        return statement;
    }

    /// <summary>The error of a tag, or of an end (null), that is in the wrong place.</summary>
    private TemplateException Unexpected(string? tag)
    {
        string message = tag is null ? "Unexpected end of template." : $"Encountered unknown tag '{tag}'.";
        if (_ends.TryPeek(out var ends))
        {
            string looking = string.Join(" or ", ends.Select(e => $"'{e}'"));
            message += tag is not null && _ends.Any(e => e.Contains(tag))
                ? $" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}."
                : $" Jinja was looking for the following tags: {looking}.";
        }
        if (_open.TryPeek(out string? open)) message += $" The innermost block that needs to be closed is '{open}'.";
        return Error(message);
    }

    /// <summary>The statements from the end of a tag to one of the ending tags, which stays the current token.</summary>
    private Statement[] Body(params string[] ends)
    {
        Skip(":");
        Expect(TokenKind.BlockEnd, "end of statement block");
        return Statements(ends);
    }

    private Statement[] BodyTo(string end)
    {
        var body = Body(end);
        Next();
        return body;
    }

    private For For()
    {
        int offset = Next().Offset;
        var target = Target(endsBefore: "in");
        ExpectName("in");
        var items = Tuple(conditional: false, endsBefore: "recursive");
        var test = SkipName("if") ? Expression() : null;
        bool recursive = SkipName("recursive");
        var body = Body("endfor", "else");
        var otherwise = Next().Text == "endfor" ? [] : BodyTo("endfor");
        return new For(offset, target, items, test, recursive, body, otherwise);
    }

    private If If()
    {
        int offset = Current.Offset;
        List<(Expression?, Statement[])> branches = [];
        while (true)
        {
            Next();
            branches.Add((Tuple(conditional: false), Body("elif", "else", "endif")));
            if (Current.Text == "elif") continue;
            if (Next().Text == "else") branches.Add((null, BodyTo("endif")));
            return new If(offset, [.. branches]);
        }
    }

    private Statement Set()
    {
        int offset = Next().Offset;
        var target = Target(withNamespace: true);
        if (Skip("=")) return new Assign(offset, target, Tuple());
        var filter = (Filter?)Piped(null);
        return new AssignBlock(offset, target, filter, BodyTo("endset"));
    }

    private With With()
    {
        int offset = Next().Offset;
        List<(Expression, Expression)> assignments = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0) Expect(",");
            var target = Use(Target(), NameUse.Parameter);
            Expect("=");
            assignments.Add((target, Expression()));
        }
        return new With(offset, [.. assignments], BodyTo("endwith"));
    }

    private Macro Macro()
    {
        int offset = Next().Offset;
        var name = NameTarget();
        var (parameters, defaults) = Signature();
        return new Macro(offset, name, new MacroBody(name.Text, parameters, defaults, BodyTo("endmacro")));
    }

    private CallBlock Call()
    {
        int offset = Next().Offset;
        var (parameters, defaults) = Current.Is("(") ? Signature() : ([], []);
        if (Expression() is not Call call) throw Error("expected call", offset);
        return new CallBlock(offset, call, new MacroBody(null, parameters, defaults, BodyTo("endcall")));
    }

    private Generation Generation()
    {
        int offset = Next().Offset;
        return new Generation(offset, new MacroBody(null, [], [], BodyTo("endgeneration")));
    }

    private (Name[], Expression?[]) Signature()
    {
        List<Name> parameters = [];
        List<Expression?> defaults = [];
        Expect("(");
        while (!Current.Is(")"))
        {
            if (parameters.Count > 0) Expect(",");
            var parameter = NameTarget();
            parameter.Use = NameUse.Parameter;
            if (parameters.Any(p => p.Text == parameter.Text)) throw Error($"duplicate argument '{parameter.Text}' in function definition", parameter.Offset);
            parameters.Add(parameter);
            if (Skip("=")) defaults.Add(Expression());
            else if (defaults.Any(d => d is not null)) throw Error("non-default argument follows default argument");
            else defaults.Add(null);
        }
        Expect(")");
        return ([.. parameters], [.. defaults]);
    }

    private FilterBlock FilterBlock()
    {
        int offset = Next().Offset;
        return new FilterBlock(offset, (Filter)Piped(null, atHead: true)!, BodyTo("endfilter"));
    }

    private Block Block()
    {
        int offset = Next().Offset;
        string name = Expect(TokenKind.Name).Text;
        bool scoped = SkipName("scoped"), required = SkipName("required");
        if (Current.Is("-")) throw Error("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.");
        var body = BodyTo("endblock");
        if (required && body.Any(s => s is not Output o || o.Parts.Any(p => p is not Data d || !string.IsNullOrWhiteSpace(d.Text)))) throw Error("Required blocks can only contain comments or whitespace");
        SkipName(name);
        return new Block(offset, name, scoped, required, body);
    }

    private Output Print()
    {
        int offset = Next().Offset;
        List<Expression> parts = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (parts.Count > 0) Expect(",");
            parts.Add(Expression());
        }
        return new Output(offset, [.. parts]);
    }

    private AutoEscape AutoEscape()
    {
        int offset = Next().Offset;
        return new AutoEscape(offset, Expression(), BodyTo("endautoescape"));
    }

    private LoopControl Control(bool isBreak) => new(Next().Offset, isBreak);
}

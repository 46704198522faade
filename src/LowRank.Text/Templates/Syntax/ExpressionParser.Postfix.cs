namespace LowRank.Text.Templates.Syntax;

// What stands behind a value: attributes, items, calls, filters, tests.
internal abstract partial class ExpressionParser
{
    protected Expression Postfix(Expression node)
    {
        while (true)
        {
            if (Current.Is(".") || Current.Is("[")) node = Subscript(node);
            else if (Current.Is("(")) node = Calling(node);
            else return node;
        }
    }

    private Expression Filtered(Expression node)
    {
        while (true)
        {
            if (Current.Is("|")) node = Piped(node)!;
            else if (Current.IsName("is")) node = Tested(node);
            else if (Current.Is("(")) node = Calling(node);
            else return node;
        }
    }

    private Expression Subscript(Expression node)
    {
        var token = Next();
        if (token.Text == ".")
        {
            var name = Next();
            if (name.Kind == TokenKind.Name) return Checked(new GetAttribute(token.Offset, node, name.Text));
            if (name.Kind != TokenKind.Integer) throw Error("expected name or number", name.Offset);
            return Checked(new GetItem(token.Offset, node, new Const(name.Offset, IntegerOf(name))));
        }
        List<Expression> parts = [];
        while (!Current.Is("]"))
        {
            if (parts.Count > 0) Expect(",");
            parts.Add(Within(Subscripted));
        }
        Expect("]");
        if (parts.Count > 1 && parts.Any(p => p is SliceNode)) throw Error("invalid syntax", token.Offset);
        return Checked(new GetItem(token.Offset, node, parts.Count == 1 ? parts[0] : new SequenceNode(token.Offset, true, [.. parts])));
    }

    private Expression Subscripted()
    {
        int offset = Current.Offset;
        Expression? start = null, stop = null, step = null;
        if (!Current.Is(":"))
        {
            start = Expression();
            if (!Current.Is(":")) return start;
        }
        Next();
        if (!Current.Is(":") && !Current.Is("]") && !Current.Is(",")) stop = Expression();
        if (Skip(":") && !Current.Is("]") && !Current.Is(",")) step = Expression();
        return Checked(new SliceNode(offset, start, stop, step));
    }

    private Call Calling(Expression node)
    {
        int offset = Current.Offset;
        return Checked(new Call(offset, node, Arguments()));
    }

    private ArgumentList Arguments()
    {
        int offset = Expect("(").Offset;
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? spread = null, namedSpread = null;
        void Ensure(bool right)
        {
            if (!right) throw Error("invalid syntax for function call expression", offset);
        }
        for (bool first = true; !Current.Is(")"); first = false)
        {
            if (!first)
            {
                Expect(",");
                if (Current.Is(")")) break;
            }
            if (Skip("*"))
            {
                Ensure(spread is null && namedSpread is null);
                spread = Expression();
            }
            else if (Skip("**"))
            {
                Ensure(namedSpread is null);
                namedSpread = Expression();
            }
            else if (Current.Kind == TokenKind.Name && Ahead.Is("="))
            {
                Ensure(namedSpread is null);
                string name = Next().Text;
                Next();
                if (named.Any(n => n.Item1 == name)) throw Error($"keyword argument repeated: {name}");
                named.Add((name, Expression()));
            }
            else
            {
                Ensure(spread is null && namedSpread is null && named.Count == 0);
                positional.Add(Expression());
            }
        }
        Expect(")");
        return positional.Count + named.Count == 0 && spread is null && namedSpread is null ? ArgumentList.None : new([.. positional], [.. named], spread, namedSpread);
    }

    /// <summary>Filters behind a value; at the head of a block there is none.</summary>
    protected Expression? Piped(Expression? node, bool atHead = false)
    {
        for (; atHead || Current.Is("|"); atHead = false)
        {
            if (!atHead) Next();
            int offset = Current.Offset;
            string name = DottedName();
            node = Checked(new Filter(offset, node, name, Current.Is("(") ? Arguments() : ArgumentList.None));
        }
        return node;
    }

    private string DottedName()
    {
        string name = Expect(TokenKind.Name).Text;
        while (Skip(".")) name += "." + Expect(TokenKind.Name).Text;
        return name;
    }

    private Expression Tested(Expression node)
    {
        int offset = Next().Offset;
        bool negated = SkipName("not");
        string name = DottedName();
        var arguments = ArgumentList.None;
        bool starts = Current.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float || Current.Is("[") || Current.Is("{");
        if (Current.Is("(")) arguments = Arguments();
        else if (starts && !Current.IsName("else") && !Current.IsName("or") && !Current.IsName("and"))
        {
            if (Current.IsName("is")) throw Error("You cannot chain multiple tests with is");
            arguments = new([Postfix(Primary())], [], null, null);
        }
        Expression test = Checked(new Test(offset, node, name, arguments));
        return negated ? Checked(new Not(offset, test)) : test;
    }
}

namespace LowRank.Text.Templates.Syntax;

/// <summary>Reads a scope's statements for the names it uses, stopping where an inner scope begins.</summary>
internal static class SymbolFinder
{
    public static void Read(IEnumerable<Statement> body, Symbols symbols)
    {
        foreach (var statement in body) Read(statement, symbols);
    }

    private static void Read(Statement statement, Symbols symbols)
    {
        switch (statement)
        {
            case Output s: foreach (var part in s.Parts) Read(part, symbols); break;
            case For s: Read(s.Items, symbols); break;
            case If s: ReadIf(s, symbols); break;
            case Macro s: symbols.Store(s.Name.Text); break;
            case CallBlock s: Read(s.Call, symbols); break;
            case FilterBlock s: Read(s.Filter, symbols); break;
            case With s: foreach (var (_, value) in s.Assignments) Read(value, symbols); break;
            case Assign s:
                Read(s.Value, symbols);
                Read(s.Target, symbols);
                break;
            case AssignBlock s: Read(s.Target, symbols); break;
            case NeedsLoader s:
                Read(s.Template, symbols);
                foreach (var name in s.Names) symbols.Store(name.Text);
                break;
        }
    }

    private static void ReadIf(If statement, Symbols symbols)
    {
        // The first branch, all elif branches together and the else each see the names that were known before.
        Read(statement.Branches[0].Test, symbols);
        Symbols first = symbols.Copy(), middle = symbols.Copy(), last = symbols.Copy();
        Read(statement.Branches[0].Body, first);
        foreach (var (test, body) in statement.Branches.Skip(1))
        {
            if (test is null) Read(body, last);
            else
            {
                // An elif is an if of its own within the middle branch.
                Read(test, middle);
                var inner = middle.Copy();
                Read(body, inner);
                middle.Merge([inner, middle.Copy(), middle.Copy()]);
            }
        }
        symbols.Merge([first, middle, last]);
    }

    /// <summary>Reads an expression; null has no names.</summary>
    public static void Read(Expression? expression, Symbols symbols)
    {
        if (expression is Name name)
        {
            if (name.Use == NameUse.Load) symbols.Load(name.Text);
            else if (name.Use == NameUse.Store) symbols.Store(name.Text);
            else symbols.Parameter(name.Text);
        }
        else if (expression is NamespaceTarget target) symbols.Load(target.Holder.Text);
        else foreach (var part in Walk.Parts(expression)) Read(part, symbols);
    }

    /// <summary>Reads a for's or with's target, all of whose names are given from outside.</summary>
    public static void ReadAsParameters(Expression target, Symbols symbols)
    {
        if (target is Name name) symbols.Parameter(name.Text);
        else foreach (var part in Walk.Parts(target)) ReadAsParameters(part, symbols);
    }
}

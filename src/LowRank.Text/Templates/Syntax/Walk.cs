namespace LowRank.Text.Templates.Syntax;

/// <summary>What lies directly within a node of the tree.</summary>
internal static class Walk
{
    /// <summary>The parts of an expression, in the order they are written.</summary>
    public static IEnumerable<Expression> Parts(Expression? expression) => (expression switch
    {
        GetAttribute e => [e.Target],
        GetItem e => [e.Target, e.Index],
        SliceNode e => [e.Start, e.Stop, e.Step],
        Call e => [e.Callee, .. e.Arguments.All],
        Filter e => [e.Target, .. e.Arguments.All],
        Test e => [e.Target, .. e.Arguments.All],
        Sign e => [e.Operand],
        Not e => [e.Operand],
        Binary e => [e.Left, e.Right],
        Logic e => [e.Left, e.Right],
        Concat e => e.Parts,
        Compare e => [e.First, .. e.Rest.Select(r => r.Operand)],
        Conditional e => [e.Test, e.Then, e.Otherwise],
        SequenceNode e => e.Items,
        DictNode e => e.Items.SelectMany(i => new[] { i.Key, i.Value }),
        NamespaceTarget e => [e.Holder],
        _ => (IEnumerable<Expression?>)[],
    }).OfType<Expression>();

    /// <summary>The expressions and bodies of a statement, in the order they are written; a body of a block is left out.</summary>
    public static (IEnumerable<Expression?> Expressions, IEnumerable<Statement[]> Bodies) Parts(Statement statement) => statement switch
    {
        Output s => (s.Parts, []),
        For s => ([s.Target, s.Items, s.Test], [s.Body, s.Otherwise]),
        If s => (s.Branches.Select(b => b.Test), s.Branches.Select(b => b.Body)),
        Macro s => ([.. s.Body.Parameters, .. s.Body.Defaults], [s.Body.Body]),
        CallBlock s => ([s.Call, .. s.Body.Parameters, .. s.Body.Defaults], [s.Body.Body]),
        Generation s => ([], [s.Body.Body]),
        FilterBlock s => ([s.Filter], [s.Body]),
        With s => (s.Assignments.SelectMany(a => new[] { a.Target, a.Value }), [s.Body]),
        Assign s => ([s.Target, s.Value], []),
        AssignBlock s => ([s.Target, s.Filter], [s.Body]),
        AutoEscape s => ([s.Value], [s.Body]),
        NeedsLoader s => ([s.Template], []),
        _ => ([], []),
    };

    /// <summary>Which of some names a body reads without having set them before.</summary>
    public static HashSet<string> Undeclared(IEnumerable<Statement> body, params string[] names)
    {
        HashSet<string> open = [.. names], found = [];
        foreach (var statement in body) Undeclared(statement, open, found);
        return found;
    }

    /// <summary>Whether a name is set anywhere within.</summary>
    public static bool Sets(Statement statement, string name)
    {
        var (expressions, bodies) = Parts(statement);
        return expressions.Any(e => Sets(e, name)) || (statement is Block b ? [b.Body] : bodies).Any(body => body.Any(s => Sets(s, name)));
    }

    private static bool Sets(Expression? expression, string name) => expression is Name { Use: NameUse.Store } n ? n.Text == name : expression is not null && Parts(expression).Any(e => Sets(e, name));

    private static void Undeclared(Statement statement, HashSet<string> open, HashSet<string> found)
    {
        var (expressions, bodies) = Parts(statement);
        foreach (var expression in expressions) Undeclared(expression, open, found);
        foreach (var body in bodies)
            foreach (var inner in body) Undeclared(inner, open, found);
    }

    private static void Undeclared(Expression? expression, HashSet<string> open, HashSet<string> found)
    {
        if (expression is Name name && name.Use == NameUse.Load && open.Contains(name.Text)) found.Add(name.Text);
        else if (expression is Name other) open.Remove(other.Text);
        else foreach (var part in Parts(expression)) Undeclared(part, open, found);
    }
}

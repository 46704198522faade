namespace LowRank.Text.Templates.Syntax;

// Tags that name other templates, and what can be assigned to.
internal sealed partial class Parser
{
    private NeedsLoader Extends() => new(Next().Offset, Expression(), []);

    private NeedsLoader Include()
    {
        int offset = Next().Offset;
        var template = Expression();
        if (Current.IsName("ignore") && Ahead.IsName("missing"))
        {
            Next();
            Next();
        }
        WithContext();
        return new NeedsLoader(offset, template, []);
    }

    private NeedsLoader Import()
    {
        int offset = Next().Offset;
        var template = Expression();
        ExpectName("as");
        var name = NameTarget();
        WithContext();
        return new NeedsLoader(offset, template, [name]);
    }

    private NeedsLoader FromImport()
    {
        int offset = Next().Offset;
        var template = Expression();
        ExpectName("import");
        List<Name> names = [];
        while (!WithContext())
        {
            if (names.Count > 0) Expect(",");
            if (WithContext()) break;
            var name = NameTarget();
            if (name.Text.StartsWith('_')) throw Error("names starting with an underline can not be imported", name.Offset);
            names.Add(SkipName("as") ? NameTarget() : name);
            if (!Current.Is(",") && !Current.IsName("with") && !Current.IsName("without")) break;
        }
        return new NeedsLoader(offset, template, [.. names]);
    }

    private bool WithContext()
    {
        if ((!Current.IsName("with") && !Current.IsName("without")) || !Ahead.IsName("context")) return false;
        Next();
        Next();
        return true;
    }

    private Name NameTarget()
    {
        var token = Expect(TokenKind.Name);
        var name = new Name(token.Offset, token.Text) { Use = NameUse.Store };
        CheckTarget(name);
        return name;
    }

    private Expression Target(string? endsBefore = null, bool withNamespace = false) => Use(Tuple(simple: true, endsBefore: endsBefore, withNamespace: withNamespace), NameUse.Store);

    private Expression Use(Expression target, NameUse use)
    {
        if (target is Name name) name.Use = use;
        else if (target is SequenceNode { IsTuple: true } tuple) foreach (var item in tuple.Items) Use(item, use);
        CheckTarget(target);
        return target;
    }

    private void CheckTarget(Expression target)
    {
        string? kind = target switch
        {
            Name { Text: "true" or "false" or "none" or "True" or "False" or "None" } => "name",
            Name or NamespaceTarget or SequenceNode { IsTuple: true } => null,
            Const => "const",
            SequenceNode => "list",
            DictNode => "dict",
            _ => "expression",
        };
        if (kind is not null) throw Error($"can't assign to '{kind}'", target.Offset);
    }
}

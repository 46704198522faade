namespace LowRank.Text.Templates.Syntax;

/// <summary>Gives every name its slot, and refuses what cannot run: unknown filters, a break outside of a loop.</summary>
internal sealed class Binder
{
    private readonly Tree _tree;

    private Binder(Tree tree) => _tree = tree;

    /// <summary>Where statements stand.</summary>
    /// <param name="Symbols">The scope's names.</param>
    /// <param name="TopLevel">Whether what they set is set in the context as well.</param>
    /// <param name="Soft">Whether they are reached only by a condition, so that an unknown filter may wait.</param>
    /// <param name="InLoop">Whether they can break.</param>
    private readonly record struct Place(Symbols Symbols, bool TopLevel = false, bool Soft = false, bool InLoop = false);

    public static void Bind(Tree tree)
    {
        var binder = new Binder(tree);
        binder.FindBlocks(tree.Body);
        var symbols = new Symbols(null, tree.Slots);
        if (Walk.Undeclared(tree.Body, "self").Count > 0) tree.SelfIndex = symbols.Parameter("self");
        SymbolFinder.Read(tree.Body, symbols);
        binder.All(tree.Body, new Place(symbols, TopLevel: true));
        tree.Scope.Entries = symbols.Entries();
    }

    private void FindBlocks(IEnumerable<Statement> body)
    {
        foreach (var statement in body)
        {
            if (statement is Block block && !_tree.Blocks.TryAdd(block.Name, block)) throw Error($"block '{block.Name}' defined twice", block.Offset);
            foreach (var inner in statement is Block b ? [b.Body] : Walk.Parts(statement).Bodies) FindBlocks(inner);
        }
    }

    private void All(IEnumerable<Statement> body, Place place)
    {
        foreach (var statement in body) One(statement, place);
    }

    private void One(Statement statement, Place place)
    {
        switch (statement)
        {
            case Output s: All(s.Parts, place); break;
            case For s: Loop(s, place); break;
            case If s:
                foreach (var (test, body) in s.Branches)
                {
                    One(test, place with { Soft = true });
                    All(body, place with { Soft = true });
                }
                break;
            case Macro s:
                s.IsTopLevel = place.TopLevel;
                One(s.Name, place);
                Function(s.Body, place, s.Offset);
                break;
            case CallBlock s:
                Function(s.Body, place, s.Offset);
                One(s.Call, place);
                break;
            case Generation s:
                _tree.MarksGeneration = true;
                Function(s.Body, place, s.Offset);
                break;
            case FilterBlock s:
                var filtered = Inner(place, symbols =>
                {
                    SymbolFinder.Read(s.Filter, symbols);
                    SymbolFinder.Read(s.Body, symbols);
                }, s.Scope, s.Body);
                One(s.Filter, filtered);
                break;
            case With s:
                foreach (var (_, value) in s.Assignments) One(value, place);
                var inside = Inner(place, symbols =>
                {
                    foreach (var (target, _) in s.Assignments) SymbolFinder.ReadAsParameters(target, symbols);
                    SymbolFinder.Read(s.Body, symbols);
                }, s.Scope, s.Body);
                foreach (var (target, _) in s.Assignments) One(target, inside);
                break;
            case Assign s:
                One(s.Value, place);
                One(s.Target, place);
                s.Exported = Exported(s.Target, place);
                break;
            case AssignBlock s:
                var set = Inner(place, symbols => SymbolFinder.Read(s.Body, symbols), s.Scope, s.Body);
                if (s.Filter is not null)
                {
                    // A filter's arguments see the block's scope; names that only they use are the context's.
                    SymbolFinder.Read(s.Filter, set.Symbols);
                    One(s.Filter, set);
                    s.Scope.Entries = set.Symbols.Entries();
                }
                One(s.Target, place);
                s.Exported = Exported(s.Target, place);
                break;
            case Block s: BlockFunction(s, place); break;
            case AutoEscape s:
                One(s.Value, Inner(place, symbols =>
                {
                    SymbolFinder.Read(s.Value, symbols);
                    SymbolFinder.Read(s.Body, symbols);
                }, s.Scope, s.Body));
                break;
            case LoopControl s when !place.InLoop: throw Error(s.IsBreak ? "'break' outside loop" : "'continue' not properly in loop", s.Offset);
            case NeedsLoader s: One(s.Template, place); break;
        }
    }

    private Place Inner(Place place, Action<Symbols> read, Scope scope, Statement[] body, bool inLoop = false)
    {
        var symbols = new Symbols(place.Symbols, place.Symbols.Function);
        read(symbols);
        var inner = new Place(symbols, InLoop: inLoop || place.InLoop);
        All(body, inner);
        scope.Entries = symbols.Entries();
        return inner;
    }

    private void Loop(For loop, Place place)
    {
        if (Walk.Sets(loop, "loop")) throw Error("Can't assign to special loop variable in for-loop target", loop.Offset);
        One(loop.Items, place);
        loop.Slots = loop.Recursive ? new Slots(place.Symbols.Function) : place.Symbols.Function;
        var symbols = new Symbols(place.Symbols, loop.Slots);
        if (loop.Recursive || Walk.Undeclared(loop.Body, "loop").Count > 0 || HasScopedBlock(loop.Body)) loop.LoopIndex = symbols.Parameter("loop");
        SymbolFinder.ReadAsParameters(loop.Target, symbols);
        SymbolFinder.Read(loop.Body, symbols);
        var inner = new Place(symbols, InLoop: true);
        One(loop.Target, inner);
        All(loop.Body, inner);
        loop.BodyScope.Entries = symbols.Entries();
        if (loop.Test is not null)
        {
            var tested = new Symbols(place.Symbols, loop.Slots);
            SymbolFinder.ReadAsParameters(loop.Target, tested);
            SymbolFinder.Read(loop.Test, tested);
            loop.TestTarget = Copy(loop.Target);
            One(loop.TestTarget, new Place(tested));
            One(loop.Test, new Place(tested));
            loop.TestScope.Entries = tested.Entries();
        }
        if (loop.Otherwise.Length > 0)
        {
            var otherwise = new Symbols(place.Symbols, loop.Slots);
            SymbolFinder.Read(loop.Otherwise, otherwise);
            All(loop.Otherwise, new Place(otherwise, InLoop: place.InLoop && !loop.Recursive));
            loop.OtherwiseScope.Entries = otherwise.Entries();
        }
    }

    private static bool HasScopedBlock(IEnumerable<Statement> body)
        => body.Any(s => s is Block { Scoped: true } || (s is Block b ? [b.Body] : Walk.Parts(s).Bodies).Any(HasScopedBlock));

    private static Expression Copy(Expression target) => target is Name n
        ? new Name(n.Offset, n.Text) { Use = n.Use }
        : new SequenceNode(target.Offset, true, [.. ((SequenceNode)target).Items.Select(Copy)]);

    private void Function(MacroBody macro, Place place, int offset)
    {
        macro.Slots = new Slots(place.Symbols.Function);
        var symbols = new Symbols(place.Symbols, macro.Slots);
        foreach (var parameter in macro.Parameters) symbols.Parameter(parameter.Text);
        var special = Walk.Undeclared(macro.Body, "caller", "kwargs", "varargs");
        macro.CallerParameter = Array.FindIndex(macro.Parameters, p => p.Text == "caller");
        if (special.Contains("caller") && macro.CallerParameter >= 0 && macro.Defaults[macro.CallerParameter] is null)
            throw Error("When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.", offset);
        if (special.Contains("caller") && macro.CallerParameter < 0) macro.CallerIndex = symbols.Parameter("caller");
        if (special.Contains("kwargs") && macro.Parameters.All(p => p.Text != "kwargs")) macro.KwargsIndex = symbols.Parameter("kwargs");
        if (special.Contains("varargs") && macro.Parameters.All(p => p.Text != "varargs")) macro.VarargsIndex = symbols.Parameter("varargs");
        foreach (var value in macro.Defaults) SymbolFinder.Read(value, symbols);
        SymbolFinder.Read(macro.Body, symbols);
        var inner = new Place(symbols);
        foreach (var parameter in macro.Parameters) One(parameter, inner);
        All(macro.Defaults, inner);
        All(macro.Body, inner);
        macro.Scope.Entries = symbols.Entries();
    }

    private void BlockFunction(Block block, Place place)
    {
        block.Slots = new Slots(null);
        var symbols = new Symbols(null, block.Slots);
        if (Walk.Undeclared(block.Body, "self").Count > 0) block.SelfIndex = symbols.Parameter("self");
        SymbolFinder.Read(block.Body, symbols);
        All(block.Body, new Place(symbols));
        block.Scope.Entries = symbols.Entries();
        if (!block.Scoped) return;
        block.Visible = [.. place.Symbols.Stored().Select(name =>
        {
            var (hops, index) = place.Symbols.Resolve(name);
            return (name, hops, index);
        })];
    }

    private static Name[] Exported(Expression target, Place place)
        => !place.TopLevel ? [] : target switch { Name n => [n], SequenceNode s => [.. s.Items.SelectMany(i => Exported(i, place))], _ => [] };

    private void All(IEnumerable<Expression?> expressions, Place place)
    {
        foreach (var expression in expressions) One(expression, place);
    }

    private void One(Expression? expression, Place place)
    {
        switch (expression)
        {
            case Name name:
                (name.Hops, name.Index) = place.Symbols.Resolve(name.Text);
                return;
            case Filter { Builtin: null } f when !place.Soft: throw Error($"No filter named '{f.Name}'.", f.Offset);
            case Test { Builtin: null } t when !place.Soft: throw Error($"No test named '{t.Name}'.", t.Offset);
            case Conditional: place = place with { Soft = true }; break;
        }
        All(Walk.Parts(expression), place);
    }

    private TemplateException Error(string reason, int offset) => _tree.Source.Error(reason, offset);
}

namespace LowRank.Text.Templates.Syntax;

/// <summary>The names of one scope and where each has its slot. Which name a scope owns, and what it begins with, is as Jinja2 has it: decided by reading, before anything runs.</summary>
internal sealed class Symbols
{
    private readonly Dictionary<string, int> _slots; // of this scope, shared by the copies that branches work on
    private readonly HashSet<string> _known, _stored;
    private readonly Dictionary<string, Start> _starts;

    /// <summary>A scope within another, in the same function or a new one.</summary>
    public Symbols(Symbols? outer, Slots function) => (Outer, Function, _slots, _known, _stored, _starts) = (outer, function, [], [], [], []);

    private Symbols(Symbols original)
        => (Outer, Function, _slots, _known, _stored, _starts) = (original.Outer, original.Function, original._slots, [.. original._known], [.. original._stored], new(original._starts));

    private enum Start { Parameter, Variable, Outer, Nothing }

    public Symbols? Outer { get; }
    public Slots Function { get; }

    /// <summary>A copy for one branch of an if.</summary>
    public Symbols Copy() => new(this);

    /// <summary>A name is read: one that no scope knows is the context's.</summary>
    public void Load(string name)
    {
        if (Find(name) is null) Define(name, Start.Variable);
    }

    /// <summary>A name is set: it is this scope's own from its start, where it has the outer value, if there is one.</summary>
    public void Store(string name)
    {
        _stored.Add(name);
        if (!_known.Contains(name)) Define(name, Outer?.Find(name) is null ? Start.Nothing : Start.Outer);
    }

    /// <summary>A name is given from outside.</summary>
    public int Parameter(string name)
    {
        _stored.Add(name);
        return Define(name, Start.Parameter);
    }

    /// <summary>Takes over what the branches of an if found: what only some of them set begins with the value it would have without them.</summary>
    public void Merge(IReadOnlyList<Symbols> branches)
    {
        var stored = branches.SelectMany(b => b._stored).Except(_stored).ToList();
        foreach (var branch in branches)
        {
            _known.UnionWith(branch._known);
            _stored.UnionWith(branch._stored);
            foreach (var (name, start) in branch._starts) _starts[name] = start;
        }
        foreach (string name in stored) _starts[name] = Outer?.Find(name) is null ? Start.Variable : Start.Outer;
    }

    /// <summary>Where a name lies; null where no scope knows it.</summary>
    public (Slots Function, int Index)? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
            if (scope._known.Contains(name)) return (scope.Function, scope._slots[name]);
        return null;
    }

    /// <summary>How many functions out a slot lies, and its index.</summary>
    public (int Hops, int Index) Resolve(string name)
    {
        var (function, index) = Find(name)!.Value;
        int hops = 0;
        for (var f = Function; f != function; f = f.Outer!) hops++;
        return (hops, index);
    }

    /// <summary>All names that are set here or further out.</summary>
    public IEnumerable<string> Stored()
    {
        HashSet<string> names = [];
        for (var scope = this; scope is not null; scope = scope.Outer) names.UnionWith(scope._stored);
        return names;
    }

    /// <summary>What entering the scope does.</summary>
    public Scope.Entry[] Entries()
    {
        List<Scope.Entry> entries = [];
        foreach (var (name, start) in _starts)
        {
            if (start == Start.Parameter) continue;
            var (hops, index) = start == Start.Outer ? OuterPlace(name) : (0, -1);
            entries.Add(new(_slots[name], start == Start.Variable ? name : null, hops, index));
        }
        return [.. entries];
    }

    private (int, int) OuterPlace(string name)
    {
        var (function, index) = Outer!.Find(name)!.Value;
        int hops = 0;
        for (var f = Function; f != function; f = f.Outer!) hops++;
        return (hops, index);
    }

    private int Define(string name, Start start)
    {
        _known.Add(name);
        _starts[name] = start;
        if (!_slots.TryGetValue(name, out int slot)) _slots[name] = slot = Function.Count++;
        return slot;
    }
}

using LowRank.Tensors;

namespace LowRank.Text.Patterns;

/// <summary>Turns an expression's tree into instructions.</summary>
internal sealed class RegexCompiler
{
    private const int MaxInstructions = 20_000;
    private readonly List<RegexInstruction> _code = [];
    private readonly List<RegexTable> _tables = [];
    private readonly List<(IReadOnlyList<int> Numbers, bool IgnoreCase)> _references = [];
    private readonly List<int> _direct = []; // instructions that stand directly in the look being compiled
    private readonly int _captures;
    private readonly string _source, _place;
    private int _registers, _memos;
    private bool _remembers = true;

    private RegexCompiler(int captures, string source, string place) => (_captures, _registers, _source, _place) = (captures, 2 * (captures + 1), source, place);

    /// <summary>The program of a tree.</summary>
    /// <exception cref="BadInputException">It is too large, or looks behind by a length that is not fixed.</exception>
    public static RegexProgram Compile(RegexNode root, int captures, string source, string place)
    {
        var compiler = new RegexCompiler(captures, source, place);
        compiler.Add(root, RegexFollow.Nothing);
        compiler.Emit(RegexOp.Match);
        var (first, nullable) = RegexAnalysis.First(root);
        return new RegexProgram([.. compiler._code], [.. compiler._tables], [.. compiler._references], compiler._registers, captures, compiler._remembers ? compiler._memos : 0, nullable ? null : first);
    }

    private int Emit(RegexOp op, int a = 0, int b = 0, CodePointSet? set = null)
    {
        if (_code.Count >= MaxInstructions) throw Bad("it is too large: its repetitions multiply");
        int memo = op is RegexOp.Greedy && b == int.MaxValue || op is RegexOp.Choice or RegexOp.Table ? _memos++ : -1;
        _code.Add(new RegexInstruction(op, a, b, set, memo));
        if (memo >= 0) _direct.Add(_code.Count - 1);
        return _code.Count - 1;
    }

    private void Patch(int at, int? a = null, int? b = null) => _code[at] = _code[at] with { A = a ?? _code[at].A, B = b ?? _code[at].B };

    private void Add(RegexNode node, RegexFollow follow)
    {
        switch (node)
        {
            case RegexSet set: AddSet(set.Set); break;
            case RegexSequence sequence: AddSequence(sequence.Items, follow); break;
            case RegexAlternatives any: AddAlternatives(any.Items, follow); break;
            case RegexRepeat repeat: AddRepeat(repeat, follow); break;
            case RegexAtomic atomic: AddAtomic(atomic.Body); break;
            case RegexLook look: AddLook(look); break;
            case RegexBack back: Emit(RegexOp.Back, back.Width); break;
            case RegexAnchor anchor:
                Emit(RegexOp.Place, (int)anchor.Place);
                _remembers &= anchor.Place != RegexPlace.SearchStart;
                break;
            case RegexCapture capture: AddCapture(capture, follow); break;
            case RegexBackReference reference:
                _remembers = false;
                _references.Add((reference.Numbers, reference.IgnoreCase));
                Emit(RegexOp.Reference, _references.Count - 1);
                break;
        }
    }

    private void AddSet(CodePointSet set)
    {
        if (set.Single is >= 0 and < 0xD800 and int unit) Emit(RegexOp.Unit, unit);
        else Emit(RegexOp.Set, set: set);
    }

    private void AddSequence(IReadOnlyList<RegexNode> items, RegexFollow follow)
    {
        var follows = new RegexFollow[items.Count];
        for (int i = items.Count - 1; i >= 0; i--)
        {
            follows[i] = follow;
            follow = follow.After(items[i]);
        }
        for (int i = 0; i < items.Count; i++) Add(items[i], follows[i]);
    }

    private void AddAlternatives(IReadOnlyList<RegexNode> items, RegexFollow follow)
    {
        if (items.Count > RegexTable.Most) items = [.. items.Chunk((items.Count + RegexTable.Most - 1) / RegexTable.Most).Select(c => new RegexAlternatives(c))];
        var table = new RegexTable([.. items.Select(RegexAnalysis.First)]);
        _tables.Add(table);
        Emit(RegexOp.Table, _tables.Count - 1);
        var ends = new List<int>();
        for (int i = 0; i < items.Count; i++)
        {
            table.Targets[i] = _code.Count;
            Add(items[i], follow);
            if (i + 1 < items.Count) ends.Add(Emit(RegexOp.Jump));
        }
        foreach (int end in ends) Patch(end, a: _code.Count);
    }

    private void AddRepeat(RegexRepeat repeat, RegexFollow follow)
    {
        if (repeat.Max == 0) return;
        if (repeat.Body is RegexSet { Set: var set })
        {
            if (repeat.Min == 1 && repeat.Max == 1) AddSet(set);
            else Emit(repeat.Kind == RepeatKind.Possessive || repeat.Min == repeat.Max ? RegexOp.Run : repeat.Kind == RepeatKind.Lazy ? RegexOp.Lazy : follow.AllowsRun(set) ? RegexOp.Run : RegexOp.Greedy, repeat.Min, repeat.Max, set);
            return;
        }
        if (repeat.Kind == RepeatKind.Possessive) AddAtomic(repeat with { Kind = RepeatKind.Greedy });
        else AddLoop(repeat, follow);
    }

    private void AddLoop(RegexRepeat repeat, RegexFollow follow)
    {
        var (first, nullable) = RegexAnalysis.First(repeat.Body);
        var inner = repeat.Max > 1 ? new RegexFollow(first.Union(follow.Set), nullable || follow.Nullable, follow.Always) : follow;
        for (int i = 0; i < repeat.Min; i++) Add(repeat.Body, inner);
        if (repeat.Max == int.MaxValue)
        {
            int top = Choose(repeat.Kind, nullable ? null : first), check = -1;
            if (nullable)
            {
                _remembers = false;
                int register = _registers++;
                Emit(RegexOp.Mark, register);
                Add(repeat.Body, inner);
                check = Emit(RegexOp.LeaveIfEmpty, register);
            }
            else Add(repeat.Body, inner);
            Emit(RegexOp.Jump, top);
            Leave(top, repeat.Kind);
            if (check >= 0) Patch(check, b: _code.Count);
            return;
        }
        var choices = new List<int>();
        for (int i = repeat.Min; i < repeat.Max; i++)
        {
            choices.Add(Choose(repeat.Kind, nullable ? null : first));
            Add(repeat.Body, inner);
        }
        foreach (int choice in choices) Leave(choice, repeat.Kind);
    }

    // Greedy: into the body now, out of it later. The set spares a choice where the body cannot begin.
    private int Choose(RepeatKind kind, CodePointSet? first)
    {
        int choice = Emit(RegexOp.Choice, set: kind == RepeatKind.Lazy ? null : first);
        if (kind == RepeatKind.Lazy) Patch(choice, b: _code.Count);
        else Patch(choice, a: _code.Count);
        return choice;
    }

    private void Leave(int choice, RepeatKind kind)
    {
        if (kind == RepeatKind.Lazy) Patch(choice, a: _code.Count);
        else Patch(choice, b: _code.Count);
    }

    private void AddAtomic(RegexNode body)
    {
        int register = Registers(2), outer = _direct.Count;
        Emit(RegexOp.Atomic, register);
        Add(body, RegexFollow.Nothing);
        Emit(RegexOp.AtomicEnd, register);
        // What stands in it leads to its end, not to that of a look around it.
        _direct.RemoveRange(outer, _direct.Count - outer);
    }

    private void AddLook(RegexLook look)
    {
        var body = look.Behind ? Behind(look.Body) : look.Body;
        int register = Registers(3), outer = _direct.Count;
        int start = Emit(look.Negative ? RegexOp.LookNot : RegexOp.Look, register);
        Add(body, RegexFollow.Nothing);
        int end = Emit(look.Negative ? RegexOp.LookNotEnd : RegexOp.LookEnd, register);
        if (look.Negative) Patch(start, b: _code.Count);
        foreach (int inside in _direct.Skip(outer)) _code[inside] = _code[inside] with { LookEnd = end };
        _direct.RemoveRange(outer, _direct.Count - outer);
    }

    private RegexAlternatives Behind(RegexNode body) => new([.. (body is RegexAlternatives any ? any.Items : [body]).Select(item =>
    {
        int width = RegexAnalysis.Width(item);
        return width >= 0 ? new RegexSequence([new RegexBack(width), item]) : throw Bad("it looks behind by a length that is not fixed");
    })]);

    private void AddCapture(RegexCapture capture, RegexFollow follow)
    {
        if (_captures > 0) Emit(RegexOp.Mark, 2 * capture.Number);
        Add(capture.Body, follow);
        if (_captures > 0) Emit(RegexOp.Mark, 2 * capture.Number + 1);
    }

    private int Registers(int count)
    {
        _registers += count;
        return _registers - count;
    }

    private BadInputException Bad(string problem) => new($"the regular expression cannot be used: {problem}", _source.Length <= 200 ? _source : _source[..200] + "...", _place);
}

namespace LowRank.Text.Patterns;

/// <summary>What an instruction does. On failure the matcher goes back to the latest choice.</summary>
internal enum RegexOp : byte
{
    /// <summary>The UTF-16 unit A.</summary>
    Unit,
    /// <summary>A code point of the set.</summary>
    Set,
    /// <summary>A to B code points of the set, as many as there are; none are given back.</summary>
    Run,
    /// <summary>A to B code points of the set, as many as there are; given back one by one.</summary>
    Greedy,
    /// <summary>A to B code points of the set, as few as possible.</summary>
    Lazy,
    /// <summary>Goes on at A, later at B. With a set: straight to B unless a code point of it comes next.</summary>
    Choice,
    /// <summary>Tries the alternatives of table A.</summary>
    Table,
    /// <summary>Goes on at A.</summary>
    Jump,
    /// <summary>A place: A is a <see cref="RegexPlace"/>.</summary>
    Place,
    /// <summary>Begins what must follow; A is its register.</summary>
    Look,
    /// <summary>Ends it.</summary>
    LookEnd,
    /// <summary>Begins what must not follow; A is its register, B where to go on.</summary>
    LookNot,
    /// <summary>Ends it.</summary>
    LookNotEnd,
    /// <summary>Goes A code points back.</summary>
    Back,
    /// <summary>Begins a group that keeps its first way; A is its register.</summary>
    Atomic,
    /// <summary>Ends it.</summary>
    AtomicEnd,
    /// <summary>Puts the place into register A.</summary>
    Mark,
    /// <summary>Leaves a loop (to B) whose body matched nothing since register A was marked.</summary>
    LeaveIfEmpty,
    /// <summary>The text between registers, tables A.</summary>
    Reference,
    /// <summary>The end of the expression.</summary>
    Match,
}

/// <summary>An instruction.</summary>
/// <param name="Op">What it does.</param>
/// <param name="A">See <see cref="RegexOp"/>.</param>
/// <param name="B">See <see cref="RegexOp"/>.</param>
/// <param name="Set">See <see cref="RegexOp"/>.</param>
/// <param name="Memo">Its number among the instructions whose failures are remembered; -1: none.</param>
/// <param name="LookEnd">The end of the look that it stands in directly; -1: none.</param>
internal readonly record struct RegexInstruction(RegexOp Op, int A = 0, int B = 0, CodePointSet? Set = null, int Memo = -1, int LookEnd = -1);

/// <summary>Alternatives and by which code points each can begin.</summary>
internal sealed class RegexTable
{
    /// <summary>The most alternatives of one table.</summary>
    public const int Most = 30;
    private readonly CodePointSet[] _first;
    private readonly uint _always;
    private readonly uint[] _ascii = new uint[128];

    /// <summary>Makes a table; those that can match nothing always qualify.</summary>
    public RegexTable(IReadOnlyList<(CodePointSet First, bool Nullable)> alternatives)
    {
        _first = [.. alternatives.Select(a => a.First)];
        for (int i = 0; i < alternatives.Count; i++)
            if (alternatives[i].Nullable) _always |= 1u << i;
        for (int c = 0; c < 128; c++) _ascii[c] = Of(c);
        Targets = new int[alternatives.Count];
    }

    /// <summary>Where each alternative begins.</summary>
    public int[] Targets { get; }

    /// <summary>The alternatives, a bit each, that can match at a place.</summary>
    public uint At(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length) return _always;
        int c = text[at];
        return c < 128 ? _ascii[c] : Of(Unicode.At(text, at, out _));
    }

    private uint Of(int c)
    {
        uint mask = _always;
        for (int i = 0; i < _first.Length; i++)
            if (_first[i].Contains(c)) mask |= 1u << i;
        return mask;
    }
}

/// <summary>A compiled expression.</summary>
/// <param name="Code">The instructions; the first one begins it.</param>
/// <param name="Tables">The tables of alternatives.</param>
/// <param name="References">For each back reference: the numbers of its groups, and whether case counts.</param>
/// <param name="Registers">How many registers it needs.</param>
/// <param name="Captures">How many of these hold groups: two each, at the front.</param>
/// <param name="Memos">How many instructions remember failures; 0 where what comes before a place can change what matches there.</param>
/// <param name="First">The code points it can begin with; null where it can match nothing.</param>
internal sealed record RegexProgram(RegexInstruction[] Code, RegexTable[] Tables, (IReadOnlyList<int> Numbers, bool IgnoreCase)[] References, int Registers, int Captures, int Memos, CodePointSet? First);

namespace LowRank.Text.Patterns;

/// <summary>
/// Runs a program at a place of a text: one way forward, a stack of choices to go back to, no recursion; once a text proves costly, a memory of
/// failures (<see cref="RegexMemory"/>) that makes the work linear in the text. Used again and again by one thread.
/// </summary>
internal sealed partial class RegexMatcher
{
    private const int EntrySize = 3;

    private RegexProgram _program = null!;
    private int[] _stack = new int[192], _registers = [];
    private int _top, _searchStart, _mostStack;
    private long _steps, _limit, _patience;
    private readonly RegexMemory _memory = new();

    private bool Match(ReadOnlySpan<char> text, int start, out int end)
    {
        var code = _program.Code;
        int pc = 0, at = start;
        _top = 0;
        _memory.BeginMatch();
        if (_program.Captures > 0) _registers.AsSpan(0, 2 * (_program.Captures + 1)).Fill(-1);
        while (true)
        {
            if (++_steps > _patience) LosePatience(text.Length);
            ref readonly var op = ref code[pc];
            switch (op.Op)
            {
                case RegexOp.Unit:
                    if (at >= text.Length || text[at] != op.A) break;
                    at++;
                    pc++;
                    continue;
                case RegexOp.Set:
                    if (at >= text.Length || !op.Set!.Contains(Unicode.At(text, at, out int length))) break;
                    at += length;
                    pc++;
                    continue;
                case RegexOp.Run:
                    if (Take(text, op.Set!, ref at, op.B) < op.A) break;
                    pc++;
                    continue;
                case RegexOp.Greedy:
                    if (!TakeGreedily(text, op, pc, ref at)) break;
                    if (at < 0) goto LookDone;
                    pc++;
                    continue;
                case RegexOp.Lazy:
                    if (Take(text, op.Set!, ref at, op.A) < op.A) break;
                    if (op.B > op.A) Push(pc, at, op.B - op.A);
                    pc++;
                    continue;
                case RegexOp.Choice:
                    if (_memory.IsOn && op.Memo >= 0)
                    {
                        if (_memory.Failed(op.Memo, at)) break;
                        if (op.LookEnd >= 0 && _memory.Succeeded(op.Memo, at)) goto LookDone;
                    }
                    if (op.Set is { } first && (at >= text.Length || !first.Contains(Unicode.At(text, at, out _)))) pc = op.B;
                    else
                    {
                        Push(pc, at, 0);
                        pc = op.A;
                    }
                    continue;
                case RegexOp.Table:
                    if (_memory.IsOn && op.Memo >= 0)
                    {
                        if (_memory.Failed(op.Memo, at)) break;
                        if (op.LookEnd >= 0 && _memory.Succeeded(op.Memo, at)) goto LookDone;
                    }
                    var table = _program.Tables[op.A];
                    uint mask = table.At(text, at);
                    if (mask == 0) break;
                    if ((mask & (mask - 1)) != 0) Push(pc, at, (int)(mask & (mask - 1)));
                    pc = table.Targets[System.Numerics.BitOperations.TrailingZeroCount(mask)];
                    continue;
                case RegexOp.Jump:
                    pc = op.A;
                    continue;
                case RegexOp.Place:
                    if (!RegexPlaces.Holds((RegexPlace)op.A, text, at, _searchStart)) break;
                    pc++;
                    continue;
                case RegexOp.Look:
                case RegexOp.Atomic:
                    _registers[op.A] = _top;
                    _registers[op.A + 1] = _memory.Open;
                    if (op.Op == RegexOp.Look) _registers[op.A + 2] = at;
                    pc++;
                    continue;
                case RegexOp.LookNot:
                    _registers[op.A] = _top;
                    _registers[op.A + 1] = _memory.Open;
                    Push(pc, at, 0);
                    pc++;
                    continue;
                case RegexOp.LookEnd:
                    EndLook(op.A);
                    at = _registers[op.A + 2];
                    pc++;
                    continue;
                case RegexOp.LookNotEnd:
                    EndLook(op.A);
                    break;
                case RegexOp.AtomicEnd:
                    _top = _registers[op.A];
                    _memory.Drop(_registers[op.A + 1]);
                    pc++;
                    continue;
                case RegexOp.Back:
                    if (!StepBack(text, ref at, op.A)) break;
                    pc++;
                    continue;
                case RegexOp.Mark:
                    Push(pc, _registers[op.A], 0);
                    _registers[op.A] = at;
                    pc++;
                    continue;
                case RegexOp.LeaveIfEmpty:
                    pc = _registers[op.A] == at ? op.B : pc + 1;
                    continue;
                case RegexOp.Reference:
                    if (!RegexPlaces.Repeats(_program.References[op.A], _registers, text, ref at)) break;
                    pc++;
                    continue;
                case RegexOp.Match:
                    end = at;
                    return true;
            }
            if (GoBack(text, out pc, out at)) continue;
            end = start;
            return false;
        LookDone:
            pc = code[pc].LookEnd;
        }
    }

    // The run of a set's code points, at most so many; gives how many.
    private int Take(ReadOnlySpan<char> text, CodePointSet set, ref int at, int most)
    {
        int count = 0, i = at;
        while (count < most && i < text.Length && set.Contains(Unicode.At(text, i, out int length)))
        {
            i += length;
            count++;
        }
        _steps += count;
        at = i;
        return count;
    }

    // False: fails. At -1: what it leads to is known to succeed.
    private bool TakeGreedily(ReadOnlySpan<char> text, in RegexInstruction op, int pc, ref int at)
    {
        if (op.A > 0 && Take(text, op.Set!, ref at, op.A) < op.A) return false;
        int least = at;
        if (_memory.IsOn && op.Memo >= 0)
        {
            if (_memory.Failed(op.Memo, at)) return false;
            if (op.LookEnd >= 0 && _memory.Succeeded(op.Memo, at))
            {
                at = -1;
                return true;
            }
            TakeUnfailed(text, op, ref at);
        }
        else Take(text, op.Set!, ref at, op.B == int.MaxValue ? int.MaxValue : op.B - op.A);
        if (at > least) Push(pc, at, least);
        return true;
    }

    // As far as it is not known that everything from there on fails.
    private void TakeUnfailed(ReadOnlySpan<char> text, in RegexInstruction op, ref int at)
    {
        while (at < text.Length && op.Set!.Contains(Unicode.At(text, at, out int length)) && !_memory.Failed(op.Memo, at + length))
        {
            at += length;
            _steps++;
        }
    }

    // Takes the latest choice that is still open; false where there is none.
    private bool GoBack(ReadOnlySpan<char> text, out int pc, out int at)
    {
        while (_top > 0)
        {
            _top -= EntrySize;
            (pc, at) = (_stack[_top], _stack[_top + 1]);
            int extra = _stack[_top + 2];
            if (_memory.IsOn) _memory.Close(_top);
            ref readonly var op = ref _program.Code[pc];
            switch (op.Op)
            {
                case RegexOp.Mark:
                    _registers[op.A] = at;
                    continue;
                case RegexOp.LookNot:
                    pc = op.B;
                    return true;
                case RegexOp.Choice:
                    if (_memory.IsOn) _memory.Try(op.Memo, at, _top);
                    pc = op.B;
                    return true;
                case RegexOp.Table:
                    uint mask = (uint)extra, rest = mask & (mask - 1);
                    if (rest != 0) Push(pc, at, (int)rest);
                    else if (_memory.IsOn) _memory.Try(op.Memo, at, _top);
                    pc = _program.Tables[op.A].Targets[System.Numerics.BitOperations.TrailingZeroCount(mask)];
                    return true;
                case RegexOp.Greedy:
                    if (_memory.IsOn && op.Memo >= 0) _memory.Fail(op.Memo, at);
                    at -= LengthBefore(text, at);
                    if (at > extra) Push(pc, at, extra);
                    else if (_memory.IsOn && op.Memo >= 0) _memory.Try(op.Memo, at, _top);
                    pc++;
                    return true;
                case RegexOp.Lazy:
                    if (Take(text, op.Set!, ref at, 1) == 0) continue;
                    if (extra > 1) Push(pc, at, extra == int.MaxValue ? extra : extra - 1);
                    pc++;
                    return true;
            }
        }
        (pc, at) = (0, 0);
        return false;
    }

    // The look's body has matched: so do the states that led here, whenever they are met again in this look.
    private void EndLook(int register)
    {
        int bottom = _registers[register];
        if (_memory.IsOn)
        {
            _memory.Succeed(_registers[register + 1]);
            for (int i = bottom; i < _top; i += EntrySize)
            {
                ref readonly var op = ref _program.Code[_stack[i]];
                if (op.Memo < 0 || op.LookEnd < 0) continue;
                int last = _stack[i + 1];
                for (int at = op.Op == RegexOp.Greedy ? _stack[i + 2] : last; at <= last; at++) _memory.Succeed(op.Memo, at);
            }
        }
        _top = bottom;
    }

    private void Push(int pc, int at, int extra)
    {
        if (_top + EntrySize > _stack.Length)
        {
            if (_stack.Length >= _mostStack) throw TooCostly();
            Array.Resize(ref _stack, Math.Min(_mostStack, 2 * _stack.Length));
        }
        (_stack[_top], _stack[_top + 1], _stack[_top + 2]) = (pc, at, extra);
        _top += EntrySize;
    }

    // Goes so many code points back in the text, as looking behind does; false where it has not as many.
    private static bool StepBack(ReadOnlySpan<char> text, ref int at, int count)
    {
        for (; count > 0 && at > 0; count--) at -= LengthBefore(text, at);
        return count == 0;
    }

    private static int Length(ReadOnlySpan<char> text, int at)
    {
        Unicode.At(text, at, out int length);
        return length;
    }

    private static int LengthBefore(ReadOnlySpan<char> text, int at) => at > 1 && char.IsLowSurrogate(text[at - 1]) && char.IsHighSurrogate(text[at - 2]) ? 2 : 1;
}

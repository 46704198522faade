using LowRank.Tensors;

namespace LowRank.Text.Patterns;

/// <summary>Looks for the matches of a text one after the other, within bounds of steps and memory that go by the text's length.</summary>
internal sealed partial class RegexMatcher
{
    private const int MaxStack = 48 << 20, StackPerUnit = 512, FreeStack = 1 << 16, KeptStack = 1 << 18;
    private const long StepsPerUnit = 500, FreeSteps = 20_000_000;

    /// <summary>After how many steps a text counts as costly; null: by its length.</summary>
    public long? Patience { get; init; }
    /// <summary>How many instructions the last text took.</summary>
    public long Steps => _steps;

    /// <summary>Numbers that are held between texts.</summary>
    public int Held => _stack.Length + _memory.Held;

    /// <summary>Adds all matches of a text, as the reference's search goes on after each: an empty one never directly after another.</summary>
    /// <exception cref="BadInputException">It takes too many steps.</exception>
    public void FindAll(RegexProgram program, ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        _program = program;
        if (_registers.Length < program.Registers) _registers = new int[program.Registers];
        (_steps, _limit, _patience) = (0, StepsPerUnit * text.Length + FreeSteps, program.Memos == 0 ? long.MaxValue : Patience ?? 24L * text.Length + 2000);
        _patience = Math.Min(_patience, _limit);
        _mostStack = (int)Math.Min(MaxStack, FreeStack + (long)StackPerUnit * text.Length);
        _memory.Forget();
        try { Search(text, matches); }
        finally
        {
            // What one text has taken is not kept for all that come after it on this thread.
            if (_stack.Length > KeptStack) _stack = new int[192];
            _memory.Trim();
        }
    }

    private void Search(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (int from = 0, last = -1; from <= text.Length;)
        {
            if (!Find(text, from, out int start, out int end)) return;
            from = end;
            if (start == end)
            {
                // The search starts again one character on; what it then finds there is taken even if it is empty.
                if (end == last)
                {
                    from = end < text.Length ? end + Length(text, end) : end + 1;
                    continue;
                }
            }
            matches.Add((start, end));
            last = end;
        }
    }

    private bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start <= text.Length; start += start < text.Length ? Length(text, start) : 1)
        {
            if (_program.First is { } first)
            {
                while (start < text.Length && !first.Contains(Unicode.At(text, start, out int length))) start += length;
                if (start >= text.Length) break;
            }
            _searchStart = from;
            if (Match(text, start, out end)) return true;
        }
        end = start;
        return false;
    }

    // Begins to remember, also in the middle of a match; later gives up.
    private void LosePatience(int length)
    {
        if (_steps > _limit) throw TooCostly();
        _memory.Begin(_program.Memos, length);
        _patience = _limit;
    }

    private static BadInputException TooCostly()
        => new("a regular expression of the tokenizer takes too many steps on a text", expected: $"at most {StepsPerUnit} steps a character", remedy: "Shorten the text, or mend the expression in tokenizer.json.");
}

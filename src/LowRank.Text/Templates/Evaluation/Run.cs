using System.Diagnostics;
using System.Text;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Evaluation;

/// <summary>One rendering: its variables, its output, and what it has used of its bounds.</summary>
internal sealed class Run
{
    private readonly Stack<StringBuilder> _spare = new();
    private readonly StringBuilder _root = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _steps, _charges;
    private int _depth;
    private int _counted, _points; // of the root's text: units looked at, code points in them
    private Random? _random;

    public Run(Tree tree, Dictionary<string, Value> context, DateTime now) => (Tree, Context, Now, Out) = (tree, context, now, _root);

    public Tree Tree { get; }
    /// <summary>Variables that are not in slots: the request's, and what the template's top level sets.</summary>
    public Dictionary<string, Value> Context { get; set; }
    public DateTime Now { get; }
    /// <summary>Where text goes: the result, or a macro's or block's own.</summary>
    public StringBuilder Out { get; private set; }
    /// <summary>Where in the template it is at, for errors.</summary>
    public int Offset { get; set; }
    public bool AutoEscape { get; set; }
    public List<(int Start, int End)> Generation { get; } = [];
    public string Result => _root.ToString();
    /// <summary>The same numbers in every rendering.</summary>
    public Random Random => _random ??= new Random(0);

    /// <summary>Counts work; ends a template that does too much.</summary>
    public void Charge(long steps)
    {
        _steps += steps;
        if (_steps > TemplateLimits.Steps) throw Fail.Runtime("the template takes too many steps");
        if ((++_charges & 255) == 0 && Stopwatch.GetElapsedTime(_start).TotalSeconds > TemplateLimits.Seconds) throw Fail.Runtime($"the template takes more than {TemplateLimits.Seconds} s");
    }

    /// <summary>Refuses a text or list before it is made, and counts the work of making it.</summary>
    public void ChargeLength(long length, int perStep = 16)
    {
        if (length > TemplateLimits.TextLength) throw Fail.Runtime("the result is too large");
        Charge(1 + (length / perStep));
    }

    /// <summary>Writes text out.</summary>
    public void Write(string text)
    {
        if (Out.Length + text.Length > TemplateLimits.TextLength) throw Fail.Runtime("the text is too large");
        Charge(1 + (text.Length >> 4));
        Out.Append(text);
    }

    /// <summary>Starts writing aside; gives what was written to so far.</summary>
    public StringBuilder Divert()
    {
        var before = Out;
        Out = _spare.TryPop(out var spare) ? spare : new StringBuilder();
        return before;
    }

    /// <summary>Ends writing aside; gives the text.</summary>
    public string EndDivert(StringBuilder before)
    {
        string text = Out.ToString();
        if (Out.Capacity < 1 << 20) _spare.Push(Out.Clear());
        Out = before;
        return text;
    }

    /// <summary>Goes one call deeper.</summary>
    public void Enter()
    {
        if (++_depth > TemplateLimits.CallDepth) throw Fail.TooDeep();
        Fail.CheckStack();
    }

    public void Leave() => _depth--;

    /// <summary>The result's length so far in code points, leaving out what is written aside.</summary>
    public int RootPoints()
    {
        for (; _counted < _root.Length; _counted++) _points += char.IsLowSurrogate(_root[_counted]) ? 0 : 1;
        return _points;
    }
}

/// <summary>A running function's slots, within those of the function around it; a slot without a value is null.</summary>
internal sealed class Frame(int size, Frame? outer)
{
    public Value?[] Slots { get; } = new Value?[size];
    public Frame? Outer { get; } = outer;
}

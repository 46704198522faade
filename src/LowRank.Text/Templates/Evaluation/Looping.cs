using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Evaluation;

/// <summary>Runs for statements.</summary>
internal static class Looping
{
    public static Flow Run(For loop, Run run, Frame frame)
    {
        var items = Evaluator.Evaluate(loop.Items, run, frame);
        if (loop.Recursive) run.Write(Recursive(loop, run, frame, items, 0).Text);
        else return Body(loop, run, frame, new LoopValue(loop, run, frame, items, 0));
        return Flow.Next;
    }

    /// <summary>A recursive loop's text; each has a function's own slots.</summary>
    public static Str Recursive(For loop, Run run, Frame outer, Value items, int depth)
    {
        run.Enter();
        var frame = new Frame(loop.Slots.Count, outer);
        var before = run.Divert();
        Body(loop, run, frame, new LoopValue(loop, run, frame, items, depth));
        var text = new Str(run.EndDivert(before), run.AutoEscape);
        run.Leave();
        return text;
    }

    private static Flow Body(For loop, Run run, Frame frame, LoopValue state)
    {
        bool any = false;
        if (loop.Test is not null) Runner.Enter(loop.TestScope, run, frame);
        while (state.MoveNext() is { } item)
        {
            run.Charge(1);
            Runner.Set(loop.Target, item, run, frame);
            if (loop.LoopIndex >= 0) frame.Slots[loop.LoopIndex] = state;
            Runner.Enter(loop.BodyScope, run, frame);
            var flow = Runner.All(loop.Body, run, frame);
            if (flow == Flow.Break) break;
            any |= flow == Flow.Next; // the reference marks the loop as run at the end of a pass, which break and continue leave out
        }
        if (any || loop.Otherwise.Length == 0) return Flow.Next;
        Runner.Enter(loop.OtherwiseScope, run, frame);
        return Runner.All(loop.Otherwise, run, frame);
    }
}

/// <summary>The loop variable, and where the loop is at.</summary>
internal sealed class LoopValue : Callable
{
    private readonly For _loop;
    private readonly Run _run;
    private readonly Frame _frame;
    private readonly Value[] _items;
    private readonly int _depth;
    private readonly Queue<Value>? _ahead; // what passed the test already
    private Value? _current, _previous;
    private Value? _changed;
    private int _next, _index = -1;

    public LoopValue(For loop, Run run, Frame frame, Value items, int depth)
    {
        (_loop, _run, _frame, _depth) = (loop, run, frame, depth);
        run.Offset = loop.Items.Offset;
        _items = Iteration.Items(run, items);
        _ahead = loop.Test is null ? null : new();
    }

    public override string TypeName => "LoopContext";

    /// <summary>The next item; null at the end.</summary>
    public Value? MoveNext()
    {
        var item = _ahead is { Count: > 0 } ? _ahead.Dequeue() : Passing();
        if (item is null) return null;
        _index++;
        (_previous, _current) = (_current, item);
        return item;
    }

    /// <summary>One of its attributes; null where there is none.</summary>
    public Value? Get(string name) => name switch
    {
        "index" => Int.Of(_index + 1),
        "index0" => Int.Of(_index),
        "first" => Bool.Of(_index == 0),
        "last" => Bool.Of(Peek() is null),
        "length" => Int.Of(Length()),
        "revindex" => Int.Of(Length() - _index),
        "revindex0" => Int.Of(Length() - _index - 1),
        "previtem" => _previous ?? new Undefined(null, hint: "there is no previous item"),
        "nextitem" => Peek() ?? new Undefined(null, hint: "there is no next item"),
        "depth" => Int.Of(_depth + 1),
        "depth0" => Int.Of(_depth),
        _ => null,
    };

    /// <summary>One of some values, in turn.</summary>
    public Value Cycle(Value[] values) => values.Length == 0 ? throw Fail.Runtime("no items for cycling given") : values[_index % values.Length];

    /// <summary>Whether the values differ from those of the last call.</summary>
    public bool Changed(TupleValue values)
    {
        if (_changed is not null && Comparing.Equal(_run, _changed, values)) return false;
        _changed = values;
        return true;
    }

    /// <summary>The loop over what lies within, in a recursive loop.</summary>
    public override Value Call(Run run, Arguments arguments)
    {
        if (!_loop.Recursive) throw Fail.Runtime("The loop must have the 'recursive' marker to be called recursively.");
        if (arguments.Positional.Length != 1 || arguments.Named.Length > 0) throw Fail.Runtime("LoopContext.__call__() missing 1 required positional argument: 'iterable'");
        return Looping.Recursive(_loop, run, _frame.Outer!, arguments.Positional[0], _depth + 1);
    }

    private int Length()
    {
        if (_ahead is null) return _items.Length;
        while (Passing() is { } item) _ahead.Enqueue(item);
        return _index + 1 + _ahead.Count;
    }

    private Value? Peek()
    {
        if (_ahead is null) return _next < _items.Length ? _items[_next] : null;
        if (_ahead.Count == 0 && Passing() is { } item) _ahead.Enqueue(item);
        return _ahead.TryPeek(out var next) ? next : null;
    }

    /// <summary>The next item that passes the loop's test.</summary>
    private Value? Passing()
    {
        while (_next < _items.Length)
        {
            var item = _items[_next++];
            if (_loop.Test is null) return item;
            Runner.Set(_loop.TestTarget!, item, _run, _frame);
            if (Evaluator.IsTrue(_loop.Test, _run, _frame)) return item;
        }
        return null;
    }
}

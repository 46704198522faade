using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Evaluation;

/// <summary>What expressions come to.</summary>
internal static class Evaluator
{
    public static Value Evaluate(Expression expression, Run run, Frame frame)
    {
        switch (expression)
        {
            case Const e: return e.Value;
            case Name e: return Load(e, frame);
            case Data e: return new Str(e.Text, run.AutoEscape);
        }
        Fail.CheckStack();
        run.Charge(1);
        var value = expression switch
        {
            GetAttribute e => Attribute(e, Evaluate(e.Target, run, frame), run),
            GetItem e => Item(e, run, frame),
            Filter e => Filtered(e, Evaluate(e.Target!, run, frame), run, frame),
            Test e => Tested(e, run, frame),
            Call e => Called(e, run, frame, null),
            Compare e => Compared(e, run, frame),
            Logic e => Logical(e, run, frame),
            Not e => Bool.Of(!IsTrue(e.Operand, run, frame)),
            Concat e => Joined(e, run, frame),
            Binary e => Arithmetic(e, run, frame),
            Conditional e => IsTrue(e.Test, run, frame) ? Evaluate(e.Then, run, frame) : e.Otherwise is null ? e.Missing : Evaluate(e.Otherwise, run, frame),
            Sign e => Signed(e, run, frame),
            SequenceNode e => Items(e, run, frame),
            DictNode e => Dict(e, run, frame),
            _ => throw new InvalidOperationException(expression.GetType().Name),
        };
        return value;
    }

    public static bool IsTrue(Expression expression, Run run, Frame frame) => Evaluate(expression, run, frame).IsTrue;

    /// <summary>A variable's value.</summary>
    public static Value Load(Name name, Frame frame)
    {
        for (int i = name.Hops; i > 0; i--) frame = frame.Outer!;
        return frame.Slots[name.Index] ?? name.Missing;
    }

    private static Value Attribute(GetAttribute e, Value target, Run run)
    {
        run.Offset = e.Offset;
        if (target is DictValue dict && !e.IsDictMember && dict.Get(e.Name) is { } value) return value;
        return Members.Attribute(target, e.Name, run);
    }

    private static Value Item(GetItem e, Run run, Frame frame)
    {
        var target = Evaluate(e.Target, run, frame);
        if (e.Index is SliceNode slice)
        {
            Value? Bound(Expression? bound) => bound is null ? null : Evaluate(bound, run, frame);
            var (start, stop, step) = (Bound(slice.Start), Bound(slice.Stop), Bound(slice.Step));
            run.Offset = e.Offset;
            if (e.IsConstant && target is not (Str or Sequence)) return new Undefined(new Str("slice"), target); // worked out while compiling, where the reference takes the error for an absent item
            return Slicing.Slice(run, target, start, stop, step);
        }
        var index = Evaluate(e.Index, run, frame);
        run.Offset = e.Offset;
        return Members.Item(target, index, run);
    }

    /// <summary>A filter over a value.</summary>
    public static Value Filtered(Filter e, Value target, Run run, Frame frame)
    {
        var arguments = Given(e.Arguments, run, frame);
        run.Offset = e.Offset;
        if (e.Builtin is null) throw Fail.Runtime($"No filter named '{e.Name}' found.");
        return e.Builtin.Call(run, target, arguments);
    }

    private static Value Tested(Test e, Run run, Frame frame)
    {
        var target = Evaluate(e.Target, run, frame);
        var arguments = Given(e.Arguments, run, frame);
        run.Offset = e.Offset;
        if (e.Builtin is null) throw Fail.Runtime($"No test named '{e.Name}' found.");
        return e.Builtin.Call(run, target, arguments);
    }

    /// <summary>A call; in a call block the block goes with it as caller.</summary>
    public static Value Called(Call e, Run run, Frame frame, Value? caller)
    {
        Value callee;
        if (e.Callee is GetAttribute { StringMethod: { } method } attribute)
        {
            var target = Evaluate(attribute.Target, run, frame);
            if (target is Str)
            {
                var given = Given(e.Arguments, run, frame, caller);
                run.Offset = e.Offset;
                return method.Call(run, target, given);
            }
            callee = Attribute(attribute, target, run);
        }
        else callee = Evaluate(e.Callee, run, frame);
        var arguments = Given(e.Arguments, run, frame, caller);
        run.Offset = e.Offset;
        return Callee(callee).Call(run, arguments);
    }

    /// <summary>The value as something to call.</summary>
    public static Callable Callee(Value value) => value switch
    {
        Callable c => c,
        Undefined u => throw u.Error(),
        _ => throw Fail.Runtime($"'{value.TypeName}' object is not callable"),
    };

    private static Arguments Given(ArgumentList list, Run run, Frame frame, Value? caller = null)
    {
        if (ReferenceEquals(list, ArgumentList.None) && caller is null) return Arguments.None;
        var positional = new Value[list.Positional.Length];
        for (int i = 0; i < positional.Length; i++) positional[i] = Evaluate(list.Positional[i], run, frame);
        var named = list.Named.Length == 0 ? null : new KeyValuePair<string, Value>[list.Named.Length];
        for (int i = 0; i < list.Named.Length; i++) named![i] = new(list.Named[i].Name, Evaluate(list.Named[i].Value, run, frame));
        if (list.Spread is not null) positional = [.. positional, .. Iteration.Items(run, Evaluate(list.Spread, run, frame))];
        if (list.NamedSpread is not null) named = Spread(named ?? [], Evaluate(list.NamedSpread, run, frame), run);
        if (caller is not null) named = [.. named ?? [], new("caller", caller)];
        return new Arguments(positional, named);
    }

    private static KeyValuePair<string, Value>[] Spread(KeyValuePair<string, Value>[] named, Value more, Run run)
    {
        if (more is not DictValue dict) throw Fail.Runtime($"argument after ** must be a mapping, not {more.TypeName}");
        run.Charge(dict.Count);
        var keys = named.Select(n => n.Key).ToHashSet(StringComparer.Ordinal);
        List<KeyValuePair<string, Value>> all = [.. named];
        foreach (var key in dict.Keys())
        {
            if (key is not Str name) throw Fail.Runtime("keywords must be strings");
            if (!keys.Add(name.Text)) throw Fail.Runtime($"got multiple values for keyword argument '{name.Text}'");
            all.Add(new(name.Text, dict.Get(key)!));
        }
        return [.. all];
    }

    private static Bool Compared(Compare e, Run run, Frame frame)
    {
        var left = Evaluate(e.First, run, frame);
        foreach (var (op, operand) in e.Rest)
        {
            var right = Evaluate(operand, run, frame);
            run.Offset = e.Offset;
            if (!Comparing.Holds(run, op, left, right)) return Bool.False;
            left = right;
        }
        return Bool.True;
    }

    private static Value Logical(Logic e, Run run, Frame frame)
    {
        var left = Evaluate(e.Left, run, frame);
        return left.IsTrue == e.IsAnd ? Evaluate(e.Right, run, frame) : left;
    }

    private static Str Joined(Concat e, Run run, Frame frame)
    {
        var parts = new string[e.Parts.Length];
        long length = 0;
        bool escapes = run.AutoEscape;
        for (int i = 0; i < parts.Length; i++)
        {
            var part = Evaluate(e.Parts[i], run, frame);
            parts[i] = escapes ? Markup.Escape(part, run).Text : Printing.PythonText.Of(part, run);
            length += parts[i].Length;
        }
        run.Offset = e.Offset;
        run.ChargeLength(length);
        return new Str(string.Concat(parts), escapes);
    }

    private static Value Arithmetic(Binary e, Run run, Frame frame)
    {
        var left = Evaluate(e.Left, run, frame);
        var right = Evaluate(e.Right, run, frame);
        run.Offset = e.Offset;
        return Operators.Apply(run, e.Operator, left, right);
    }

    private static Value Signed(Sign e, Run run, Frame frame)
    {
        var operand = Evaluate(e.Operand, run, frame);
        run.Offset = e.Offset;
        return Operators.Signed(operand, e.Negative);
    }

    private static Value Items(SequenceNode e, Run run, Frame frame)
    {
        var items = new Value[e.Items.Length];
        for (int i = 0; i < items.Length; i++) items[i] = Evaluate(e.Items[i], run, frame);
        return e.IsTuple ? new TupleValue(items) : new ListValue(items);
    }

    private static DictValue Dict(DictNode e, Run run, Frame frame)
    {
        var dict = new DictValue(e.Items.Length);
        foreach (var (key, item) in e.Items)
        {
            var (k, v) = (Evaluate(key, run, frame), Evaluate(item, run, frame));
            run.Offset = e.Offset;
            run.Charge(k.Weight);
            dict.Set(k, v);
        }
        return dict;
    }
}

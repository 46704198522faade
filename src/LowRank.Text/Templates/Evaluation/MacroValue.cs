using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Evaluation;

/// <summary>A macro or a call block's body, together with the variables around it.</summary>
internal sealed class MacroValue(MacroBody body, Frame outer) : Callable
{
    public override string TypeName => "Macro";
    public MacroBody Body => body;

    public override Value Call(Run run, Arguments arguments)
    {
        run.Enter();
        var frame = new Frame(body.Slots.Count, outer);
        Bind(run, arguments, frame);
        Runner.Enter(body.Scope, run, frame);
        for (int i = 0; i < body.Parameters.Length; i++)
        {
            var parameter = body.Parameters[i];
            if (frame.Slots[parameter.Index] is not null) continue;
            frame.Slots[parameter.Index] = body.Defaults[i] is { } standard
                ? Evaluator.Evaluate(standard, run, frame)
                : new Undefined(new Str(parameter.Text), hint: $"parameter '{parameter.Text}' was not provided");
        }
        var before = run.Divert();
        Runner.All(body.Body, run, frame);
        var text = new Str(run.EndDivert(before), run.AutoEscape);
        run.Leave();
        return text;
    }

    private void Bind(Run run, Arguments given, Frame frame)
    {
        int count = Math.Min(given.Positional.Length, body.Parameters.Length);
        for (int i = 0; i < count; i++) frame.Slots[body.Parameters[i].Index] = given.Positional[i];
        DictValue? rest = null;
        Value? caller = null;
        foreach (var (name, value) in given.Named)
        {
            int at = Array.FindIndex(body.Parameters, p => p.Text == name);
            if (at >= count) frame.Slots[body.Parameters[at].Index] = value;
            else if (name == "caller" && at < 0 && body.CallerIndex >= 0) caller = value;
            else (rest ??= new DictValue()).Set(new Str(name), value);
        }
        if (body.CallerIndex >= 0) frame.Slots[body.CallerIndex] = caller ?? new Undefined(new Str("caller"), hint: "No caller defined");
        if (body.KwargsIndex >= 0) frame.Slots[body.KwargsIndex] = rest ?? new DictValue();
        else if (rest is not null)
        {
            if (rest.Get(new Str("caller")) is not null) throw Fail.Runtime($"macro {ShownName} was invoked with two values for the special caller argument. This is most likely a bug.");
            throw Fail.Runtime($"macro {ShownName} takes no keyword argument {Printing.PythonText.Repr(rest.At(0).Key)}");
        }
        if (body.VarargsIndex >= 0) frame.Slots[body.VarargsIndex] = new TupleValue(given.Positional[count..]);
        else if (given.Positional.Length > count) throw Fail.Runtime($"macro {ShownName} takes not more than {body.Parameters.Length} argument(s)");
        run.Charge(given.Count);
    }

    private string ShownName => body.Name is null ? "None" : $"'{body.Name}'";
}

/// <summary>self: calling one of its blocks gives the block's text.</summary>
internal sealed class BlocksValue : Value
{
    public override string TypeName => "TemplateReference";
}

/// <summary>A block as self has it.</summary>
internal sealed class BlockReference(Block block) : Callable
{
    public override string TypeName => "BlockReference";

    public override Value Call(Run run, Arguments arguments)
    {
        var before = run.Divert();
        Runner.RunBlock(block, run, null);
        return new Str(run.EndDivert(before), run.AutoEscape);
    }
}

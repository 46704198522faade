using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Printing;
using LowRank.Text.Templates.Syntax;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Evaluation;

/// <summary>How a body ended.</summary>
internal enum Flow { Next, Break, Continue }

/// <summary>What statements do.</summary>
internal static class Runner
{
    /// <summary>Runs a whole template.</summary>
    public static void Template(Run run)
    {
        var frame = new Frame(run.Tree.Slots.Count, null);
        if (run.Tree.SelfIndex >= 0) frame.Slots[run.Tree.SelfIndex] = new BlocksValue();
        Enter(run.Tree.Scope, run, frame);
        All(run.Tree.Body, run, frame);
    }

    /// <summary>Gives a scope's slots their first values.</summary>
    public static void Enter(Scope scope, Run run, Frame frame)
    {
        foreach (var entry in scope.Entries)
        {
            if (entry.Variable is not null) frame.Slots[entry.Index] = run.Context.TryGetValue(entry.Variable, out var v) ? v : Globals.Table.GetValueOrDefault(entry.Variable);
            else if (entry.SourceIndex < 0) frame.Slots[entry.Index] = null;
            else
            {
                var source = frame;
                for (int i = entry.SourceHops; i > 0; i--) source = source.Outer!;
                frame.Slots[entry.Index] = source.Slots[entry.SourceIndex];
            }
        }
    }

    public static Flow All(Statement[] body, Run run, Frame frame)
    {
        Fail.CheckStack();
        foreach (var statement in body)
            if (One(statement, run, frame) is var flow && flow != Flow.Next) return flow;
        return Flow.Next;
    }

    private static Flow One(Statement statement, Run run, Frame frame)
    {
        run.Offset = statement.Offset;
        run.Charge(1);
        switch (statement)
        {
            case Output s:
                foreach (var part in s.Parts) Write(part, run, frame);
                return Flow.Next;
            case If s:
                foreach (var (test, body) in s.Branches)
                    if (test is null || Evaluator.IsTrue(test, run, frame)) return All(body, run, frame);
                return Flow.Next;
            case For s: return Looping.Run(s, run, frame);
            case Assign s:
                Set(s.Target, Evaluator.Evaluate(s.Value, run, frame), run, frame);
                Export(s.Exported, run, frame);
                return Flow.Next;
            case LoopControl s: return s.IsBreak ? Flow.Break : Flow.Continue;
            case AssignBlock s: return SetBlock(s, run, frame);
            case Macro s:
                var macro = new MacroValue(s.Body, frame);
                Set(s.Name, macro, run, frame);
                if (s.IsTopLevel) run.Context[s.Name.Text] = macro;
                return Flow.Next;
            case CallBlock s:
                WriteText(Evaluator.Called(s.Call, run, frame, new MacroValue(s.Body, frame)), run);
                return Flow.Next;
            case Generation s:
                Generated(s, run, frame);
                return Flow.Next;
            case FilterBlock s: return Filtered(s, run, frame);
            case With s: return Within(s, run, frame);
            case AutoEscape s: return Escaped(s, run, frame);
            case Block s:
                RunBlock(s, run, frame);
                return Flow.Next;
            case NeedsLoader s:
                Evaluator.Evaluate(s.Template, run, frame);
                throw Fail.Runtime("no loader for this environment specified");
            default: throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private static void Write(Expression part, Run run, Frame frame)
    {
        if (part is Data data) run.Write(data.Text);
        else Write(Evaluator.Evaluate(part, run, frame), run);
    }

    private static void Write(Value value, Run run) => run.Write(run.AutoEscape ? Markup.Escape(value, run).Text : PythonText.Of(value, run));

    /// <summary>Writes what a call or filter block came to, which the reference does not turn into text.</summary>
    private static void WriteText(Value value, Run run) => run.Write(value is Str s ? s.Text : throw Fail.Runtime($"expected str instance, {value.TypeName} found"));

    /// <summary>Gives a target its value, taking a sequence apart where the target is one.</summary>
    public static void Set(Expression target, Value value, Run run, Frame frame)
    {
        switch (target)
        {
            case Name name:
                frame.Slots[name.Index] = value; // a set name always lies in the function it is set in
                break;
            case NamespaceTarget t:
                run.Offset = t.Offset;
                if (Evaluator.Load(t.Holder, frame) is not Namespace holder) throw Fail.Runtime("cannot assign attribute on non-namespace object");
                holder.Set(t.Attribute, value);
                break;
            case SequenceNode tuple:
                run.Offset = tuple.Offset;
                var items = Iteration.Unpack(run, value, tuple.Items.Length);
                for (int i = 0; i < items.Length; i++) Set(tuple.Items[i], items[i], run, frame);
                break;
        }
    }

    private static void Export(Name[] names, Run run, Frame frame)
    {
        foreach (var name in names) run.Context[name.Text] = frame.Slots[name.Index]!;
    }

    private static Flow SetBlock(AssignBlock s, Run run, Frame frame)
    {
        Enter(s.Scope, run, frame);
        var before = run.Divert();
        var flow = All(s.Body, run, frame);
        string text = run.EndDivert(before);
        if (flow != Flow.Next) return flow;
        Value value = new Str(text, run.AutoEscape);
        if (s.Filter is not null) value = Filters(s.Filter, value, run, frame);
        if (run.AutoEscape && value is not Str { IsMarkup: true }) value = new Str(PythonText.Of(value, run), true);
        Set(s.Target, value, run, frame);
        Export(s.Exported, run, frame);
        return Flow.Next;
    }

    /// <summary>A chain of filters whose innermost has the block's text.</summary>
    private static Value Filters(Filter filter, Value text, Run run, Frame frame)
        => Evaluator.Filtered(filter, filter.Target is Filter inner ? Filters(inner, text, run, frame) : text, run, frame);

    private static Flow Filtered(FilterBlock s, Run run, Frame frame)
    {
        Enter(s.Scope, run, frame);
        var before = run.Divert();
        var flow = All(s.Body, run, frame);
        string text = run.EndDivert(before);
        if (flow == Flow.Next) WriteText(Filters(s.Filter, new Str(text, run.AutoEscape), run, frame), run);
        return flow;
    }

    private static Flow Within(With s, Run run, Frame frame)
    {
        Enter(s.Scope, run, frame);
        foreach (var (target, value) in s.Assignments) Set(target, Evaluator.Evaluate(value, run, frame), run, frame);
        return All(s.Body, run, frame);
    }

    private static Flow Escaped(AutoEscape s, Run run, Frame frame)
    {
        bool before = run.AutoEscape;
        Enter(s.Scope, run, frame);
        run.AutoEscape = Evaluator.IsTrue(s.Value, run, frame);
        var flow = All(s.Body, run, frame);
        run.AutoEscape = before;
        return flow;
    }

    private static void Generated(Generation s, Run run, Frame frame)
    {
        string text = PythonText.Of(new MacroValue(s.Body, frame).Call(run, Arguments.None), run);
        int start = run.RootPoints();
        run.Generation.Add((start, start + new Str(text).Length));
        run.Write(text);
    }

    /// <summary>Runs a block where it stands.</summary>
    public static void RunBlock(Block s, Run run, Frame? place)
    {
        if (s.Required) throw Fail.Runtime($"Required block '{s.Name}' not found");
        var context = run.Context;
        if (s.Visible.Length > 0 && place is not null)
        {
            run.Context = new(context);
            foreach (var (name, hops, index) in s.Visible)
            {
                var source = place;
                for (int i = hops; i > 0; i--) source = source.Outer!;
                if (source.Slots[index] is { } value) run.Context[name] = value;
            }
        }
        run.Enter();
        var frame = new Frame(s.Slots.Count, null);
        if (s.SelfIndex >= 0) frame.Slots[s.SelfIndex] = new BlocksValue();
        Enter(s.Scope, run, frame);
        All(s.Body, run, frame);
        run.Leave();
        run.Context = context;
    }
}

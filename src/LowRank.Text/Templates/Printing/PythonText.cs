using System.Globalization;
using System.Numerics;
using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>Python's str() and repr().</summary>
internal static class PythonText
{
    private const string Address = "0x7f0000000000"; // objects have no address here; the same one for all

    /// <summary>str(value), its making counted.</summary>
    public static string Of(Value value, Run run)
    {
        if (value is Str s) return s.Text;
        string text = Of(value);
        run.Charge(1 + (text.Length >> 2));
        return text;
    }

    /// <summary>str(value)</summary>
    public static string Of(Value value)
    {
        switch (value)
        {
            case Str s: return s.Text;
            case Undefined: return "";
            case Int i: return Integer(i.Number);
            case Bool b: return b.IsTrue ? "True" : "False";
            case None: return "None";
            case Float f: return FloatText.Repr(f.Number);
        }
        return Repr(value);
    }

    /// <summary>repr(value)</summary>
    public static string Repr(Value value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    /// <summary>repr of a string.</summary>
    public static string Repr(string value)
    {
        var text = new StringBuilder();
        Quote(text, value);
        return text.ToString();
    }

    /// <summary>An integer's digits.</summary>
    public static string Integer(BigInteger number)
    {
        if (number.GetBitLength() < 14_000) return number.ToString(CultureInfo.InvariantCulture);
        string text = number.ToString(CultureInfo.InvariantCulture);
        if (text.Length - (number.Sign < 0 ? 1 : 0) > TemplateLimits.IntegerDigits) throw Fail.Runtime($"Exceeds the limit ({TemplateLimits.IntegerDigits} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit");
        return text;
    }

    private static void Append(StringBuilder text, Value value)
    {
        if (text.Length > TemplateLimits.TextLength) throw Fail.Runtime("the text is too large");
        switch (value)
        {
            case Str s:
                if (s.IsMarkup) text.Append("Markup(");
                Quote(text, s.Text);
                if (s.IsMarkup) text.Append(')');
                break;
            case Undefined: text.Append("Undefined"); break;
            case Int or Bool or None or Float: text.Append(Of(value)); break;
            case ListValue l: List(text, '[', l.Items, ']'); break;
            case TupleValue t: List(text, '(', t.Items, ')'); break;
            case DictValue d: Dict(text, d); break;
            case DictView v:
                text.Append(v.TypeName).Append('(');
                List(text, '[', v.Items(), ']');
                text.Append(')');
                break;
            case RangeValue r:
                text.Append("range(").Append(Integer(r.Start)).Append(", ").Append(Integer(r.Stop));
                if (!r.Step.IsOne) text.Append(", ").Append(Integer(r.Step));
                text.Append(')');
                break;
            case Namespace n: NamespaceText(text, n); break;
            default: text.Append(Object(value)); break;
        }
    }

    private static void List(StringBuilder text, char open, Value[] items, char close)
    {
        Fail.CheckStack();
        text.Append(open);
        for (int i = 0; i < items.Length; i++)
        {
            if (i > 0) text.Append(", ");
            Append(text, items[i]);
        }
        if (items.Length == 1 && open == '(') text.Append(',');
        text.Append(close);
    }

    private static void Dict(StringBuilder text, DictValue dict)
    {
        Fail.CheckStack();
        text.Append('{');
        for (int i = 0; i < dict.Count; i++)
        {
            if (i > 0) text.Append(", ");
            var (key, value) = dict.At(i);
            Append(text, key);
            text.Append(": ");
            Append(text, value);
        }
        text.Append('}');
    }

    private static void NamespaceText(StringBuilder text, Namespace holder)
    {
        if (!holder.BeginPrinting())
        {
            text.Append("<Namespace {...}>");
            return;
        }
        var attributes = new DictValue();
        foreach (var (name, value) in holder.Attributes) attributes.Set(new Str(name), value);
        text.Append("<Namespace ");
        Dict(text, attributes);
        text.Append('>');
        holder.EndPrinting();
    }

    private static string Object(Value value) => value switch
    {
        Function { Builtin.IsType: true } f => $"<class '{f.Builtin.Name}'>",
        Function f => $"<function {f.Builtin.Name} at {Address}>",
        BoundMethod m => $"<built-in method {m.Method.Name} of {m.Self.TypeName} object at {Address}>",
        MacroValue m => m.Body.Name is { } name ? $"<Macro {Repr(name)}>" : "<Macro anonymous>",
        LoopValue l => $"<LoopContext {Of(l.Get("index")!)}/{Of(l.Get("length")!)}>",
        _ => $"<{value.TypeName} object at {Address}>",
    };

    private static void Quote(StringBuilder text, string value)
    {
        char quote = value.Contains('\'') && !value.Contains('"') ? '"' : '\'';
        text.Append(quote);
        foreach (var rune in value.EnumerateRunes())
        {
            int c = rune.Value;
            if (c == quote || c == '\\') text.Append('\\').Append((char)c);
            else if (c is >= ' ' and < 0x7f) text.Append((char)c);
            else if (c == '\n') text.Append("\\n");
            else if (c == '\r') text.Append("\\r");
            else if (c == '\t') text.Append("\\t");
            else if (PythonChar.IsPrintable(rune)) text.Append(rune.ToString());
            else if (c < 0x100) text.Append(CultureInfo.InvariantCulture, $"\\x{c:x2}");
            else if (c < 0x10000) text.Append(CultureInfo.InvariantCulture, $"\\u{c:x4}");
            else text.Append(CultureInfo.InvariantCulture, $"\\U{c:x8}");
        }
        text.Append(quote);
    }
}

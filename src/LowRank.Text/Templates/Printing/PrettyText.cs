using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>pprint.pformat: lines of at most 80 characters, keys sorted.</summary>
internal sealed class PrettyText(Run run)
{
    private const int Width = 80;
    private readonly StringBuilder _text = new();

    public string Of(Value value)
    {
        Format(value, 0, 0, 1);
        return _text.ToString();
    }

    private void Format(Value value, int indent, int allowance, int level)
    {
        Fail.CheckStack();
        value = Sorted(value);
        string whole = PythonText.Repr(value);
        run.ChargeLength((long)whole.Length + _text.Length, int.MaxValue);
        run.Charge(1 + (whole.Length >> 3));
        if (whole.Length <= Width - indent - allowance || value is not (Sequence or DictValue or Str)) _text.Append(whole);
        else if (value is Str s) Text(s, indent, allowance, level);
        else if (value is DictValue d) Dict(d, indent, allowance, level + 1);
        else List((Sequence)value, indent, allowance, level + 1);
    }

    private void List(Sequence list, int indent, int allowance, int level)
    {
        bool isTuple = list is TupleValue;
        _text.Append(isTuple ? '(' : '[');
        string end = !isTuple ? "]" : list.Items.Length == 1 ? ",)" : ")";
        for (int i = 0; i < list.Items.Length; i++)
        {
            if (i > 0) _text.Append(",\n").Append(' ', indent + 1);
            Format(list.Items[i], indent + 1, i == list.Items.Length - 1 ? allowance + end.Length : 1, level);
        }
        _text.Append(end);
    }

    private void Dict(DictValue dict, int indent, int allowance, int level)
    {
        _text.Append('{');
        for (int i = 0; i < dict.Count; i++)
        {
            if (i > 0) _text.Append(",\n").Append(' ', indent + 1);
            var (key, value) = dict.At(i);
            string shown = PythonText.Repr(key);
            _text.Append(shown).Append(": ");
            Format(value, indent + 1 + new Str(shown).Length + 2, i == dict.Count - 1 ? allowance + 1 : 1, level);
        }
        _text.Append('}');
    }

    /// <summary>A long string as several, broken behind blanks.</summary>
    private void Text(Str value, int indent, int allowance, int level)
    {
        List<string> chunks = [];
        var lines = StringMethods.Lines(value.Text, keepEnds: true);
        if (level == 1) (indent, allowance) = (indent + 1, allowance + 1);
        int width = Width - indent;
        for (int i = 0; i < lines.Count; i++)
        {
            if (PythonText.Repr(lines[i]).Length <= (i == lines.Count - 1 ? width - allowance : width))
            {
                chunks.Add(PythonText.Repr(lines[i]));
                continue;
            }
            string current = "";
            var words = Words(lines[i]);
            for (int w = 0; w < words.Count; w++)
            {
                string candidate = current + words[w];
                if (PythonText.Repr(candidate).Length > (w == words.Count - 1 && i == lines.Count - 1 ? width - allowance : width))
                {
                    if (current.Length > 0) chunks.Add(PythonText.Repr(current));
                    current = words[w];
                }
                else current = candidate;
                run.Charge(1 + (candidate.Length >> 4));
            }
            if (current.Length > 0) chunks.Add(PythonText.Repr(current));
        }
        if (chunks.Count == 1)
        {
            _text.Append(chunks[0]);
            return;
        }
        if (level == 1) _text.Append('(');
        for (int i = 0; i < chunks.Count; i++)
        {
            if (i > 0) _text.Append('\n').Append(' ', indent);
            _text.Append(chunks[i]);
        }
        if (level == 1) _text.Append(')');
    }

    private static List<string> Words(string line)
    {
        List<string> words = [];
        for (int i = 0, start = 0; i < line.Length; start = i)
        {
            while (i < line.Length && !PythonChar.IsSpace(line[i])) i++;
            while (i < line.Length && PythonChar.IsSpace(line[i])) i++;
            words.Add(line[start..i]);
        }
        return words;
    }

    /// <summary>The value with all dictionaries in it sorted by key.</summary>
    private Value Sorted(Value value)
    {
        Fail.CheckStack();
        run.Charge(1);
        if (value is Sequence { Items.Length: > 0 } list)
        {
            var items = list.Items.Select(Sorted).ToArray();
            return list.With(items);
        }
        if (value is not DictValue dict) return value;
        Value[] keys = dict.Keys(), values = [.. dict.Values().Select(Sorted)];
        var order = keys.Select((_, i) => i).Order(Comparer<int>.Create((a, b) => Order(keys[a], keys[b]))).ToList();
        var sorted = new DictValue(keys.Length);
        foreach (int i in order) sorted.Set(keys[i], values[i]);
        return sorted;
    }

    private int Order(Value a, Value b)
    {
        try { return Comparing.Less(run, a, b) ? -1 : Comparing.Less(run, b, a) ? 1 : 0; }
        catch (TemplateException) { return string.CompareOrdinal(a.TypeName, b.TypeName); }
    }
}

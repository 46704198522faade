using System.Globalization;
using System.Numerics;
using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>"…".format(…)</summary>
internal sealed class FormatString(Run run, Value[] positional, Value named)
{
    private int _next;
    private bool? _numbered;

    /// <summary>The text with its fields filled in; fields within a field's format too, one level deep.</summary>
    public string Fill(string format, int level = 2)
    {
        if (level < 0) throw Fail.Runtime("Max string recursion exceeded");
        var text = new StringBuilder();
        run.Charge(1 + (format.Length >> 3));
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            bool doubled = i + 1 < format.Length && format[i + 1] == c;
            if (c == '{' && !doubled) i = Field(format, i + 1, text, level);
            else
            {
                if (c == '}' && !doubled) throw Fail.Runtime("Single '}' encountered in format string");
                text.Append(c);
                if (c is '{' or '}') i++;
            }
            run.ChargeLength(text.Length, int.MaxValue);
        }
        return text.ToString();
    }

    /// <summary>One field; where it ends.</summary>
    private int Field(string format, int start, StringBuilder text, int level)
    {
        int end = start, depth = 1, colon = -1;
        for (; end < format.Length && depth > 0; end++)
        {
            if (format[end] == '{') depth++;
            else if (format[end] == '}') depth--;
            else if (format[end] == '[' && colon < 0) end = Math.Max(end, format.IndexOf(']', end));
            else if (format[end] == ':' && colon < 0 && depth == 1) colon = end;
        }
        if (depth > 0) throw Fail.Runtime(start == format.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
        end--;
        string head = format[start..(colon < 0 ? end : colon)], spec = colon < 0 ? "" : format[(colon + 1)..end];
        char conversion = '\0';
        int mark = head.LastIndexOf('!');
        if (mark >= 0)
        {
            if (mark != head.Length - 2) throw Fail.Runtime("expected ':' after conversion specifier");
            (conversion, head) = (head[^1], head[..mark]);
        }
        var value = Lookup(head);
        if (spec.Contains('{')) spec = Fill(spec, level - 1);
        value = conversion switch
        {
            '\0' => value,
            's' => new Str(PythonText.Of(value, run)),
            'r' or 'a' => new Str(PythonText.Repr(value)),
            _ => throw Fail.Runtime($"Unknown conversion specifier {conversion}"),
        };
        text.Append(FormatSpec.Apply(run, value, spec));
        return end;
    }

    private Value Lookup(string field)
    {
        int end = field.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? field : field[..end];
        var value = First(first);
        string rest = end < 0 ? "" : field[end..];
        while (rest.Length > 0)
        {
            if (rest[0] == '.')
            {
                int stop = rest.AsSpan(1).IndexOfAny('.', '[');
                string name = stop < 0 ? rest[1..] : rest[1..(stop + 1)];
                if (name.Length == 0) throw Fail.Runtime("Empty attribute in format string");
                value = Members.Attribute(value, new Str(name), run);
                rest = stop < 0 ? "" : rest[(stop + 1)..];
            }
            else
            {
                int stop = rest.IndexOf(']', StringComparison.Ordinal);
                if (stop < 0) throw Fail.Runtime("Missing ']' in format string");
                string key = rest[1..stop];
                value = Members.Item(value, int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? Int.Of(n) : new Str(key), run);
                rest = rest[(stop + 1)..];
            }
        }
        return value;
    }

    private Value First(string name)
    {
        bool isNumber = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int at);
        if (name.Length > 0 && !isNumber)
        {
            if (named is not DictValue dict) throw Fail.Runtime("format_map() needs a mapping");
            return dict.Get(new Str(name)) ?? throw Fail.Runtime(PythonText.Repr(name));
        }
        if (_numbered is { } before && before != isNumber) throw Fail.Runtime(isNumber ? "cannot switch from automatic field numbering to manual field specification" : "cannot switch from manual field specification to automatic field numbering");
        _numbered = isNumber;
        if (!isNumber) at = _next++;
        return at < positional.Length ? positional[at] : throw Fail.Runtime($"Replacement index {at} out of range for positional args tuple");
    }
}

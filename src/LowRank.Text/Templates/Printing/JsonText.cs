using System.Globalization;
using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>json.dumps</summary>
internal sealed class JsonText(Run run, bool ascii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    private readonly StringBuilder _text = new();

    /// <summary>The JSON text of a value.</summary>
    public string Of(Value value)
    {
        Append(value, 0);
        run.Charge(1 + (_text.Length >> 2));
        return _text.ToString();
    }

    private void Append(Value value, int level)
    {
        if (_text.Length > TemplateLimits.TextLength) throw Fail.Runtime("the text is too large");
        switch (value)
        {
            case None: _text.Append("null"); break;
            case Bool b: _text.Append(b.IsTrue ? "true" : "false"); break;
            case Int i: _text.Append(PythonText.Integer(i.Number)); break;
            case Float f: _text.Append(Float(f.Number)); break;
            case Str s: Quote(s.Text); break;
            case Sequence s: List(s.Items, level); break;
            case DictValue d: Dict(d, level); break;
            default: throw Fail.Runtime($"Object of type {value.TypeName} is not JSON serializable");
        }
    }

    private static string Float(double value) => double.IsFinite(value) ? FloatText.Repr(value) : double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private void List(Value[] items, int level)
    {
        Fail.CheckStack();
        if (items.Length == 0)
        {
            _text.Append("[]");
            return;
        }
        _text.Append('[');
        for (int i = 0; i < items.Length; i++)
        {
            if (i > 0) _text.Append(itemSeparator);
            NewLine(level + 1);
            Append(items[i], level + 1);
        }
        NewLine(level);
        _text.Append(']');
    }

    private void Dict(DictValue dict, int level)
    {
        Fail.CheckStack();
        if (dict.Count == 0)
        {
            _text.Append("{}");
            return;
        }
        Value[] keys = dict.Keys(), values = dict.Values();
        if (sortKeys) Comparing.Sort(run, values, keys, reverse: false);
        if (sortKeys) Comparing.Sort(run, keys, [.. keys], reverse: false);
        _text.Append('{');
        for (int i = 0; i < keys.Length; i++)
        {
            if (i > 0) _text.Append(itemSeparator);
            NewLine(level + 1);
            Quote(Key(keys[i]));
            _text.Append(keySeparator);
            Append(values[i], level + 1);
        }
        NewLine(level);
        _text.Append('}');
    }

    private static string Key(Value key) => key switch
    {
        Str s => s.Text,
        None => "null",
        Bool b => b.IsTrue ? "true" : "false",
        Int i => PythonText.Integer(i.Number),
        Float f => Float(f.Number),
        _ => throw Fail.Runtime($"keys must be str, int, float, bool or None, not {key.TypeName}"),
    };

    private void NewLine(int level)
    {
        if (indent is null) return;
        run.ChargeLength(indent.Length * (long)level + _text.Length, int.MaxValue);
        _text.Append('\n');
        for (int i = 0; i < level; i++) _text.Append(indent);
    }

    private void Quote(string value)
    {
        _text.Append('"');
        foreach (char c in value)
        {
            switch (c)
            {
                case '"': _text.Append("\\\""); break;
                case '\\': _text.Append("\\\\"); break;
                case '\n': _text.Append("\\n"); break;
                case '\r': _text.Append("\\r"); break;
                case '\t': _text.Append("\\t"); break;
                case '\f': _text.Append("\\f"); break;
                case '\b': _text.Append("\\b"); break;
                default:
                    if (c < ' ' || (ascii && c > '~')) _text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    else _text.Append(c);
                    break;
            }
        }
        _text.Append('"');
    }
}

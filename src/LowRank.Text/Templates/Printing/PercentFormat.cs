using System.Globalization;
using System.Numerics;
using System.Text;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Library;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>"…" % values</summary>
internal sealed class PercentFormat
{
    private readonly Run _run;
    private readonly string _format;
    private readonly bool _escapes;
    private readonly Value _values;
    private readonly Value[] _items;
    private readonly StringBuilder _text = new();
    private int _at, _next;

    private PercentFormat(Run run, Str format, Value values)
    {
        (_run, _format, _escapes, _values) = (run, format.Text, format.IsMarkup, values);
        _items = values is TupleValue t ? t.Items : [values];
    }

    public static Str Apply(Run run, Str format, Value values)
    {
        var work = new PercentFormat(run, format, values);
        run.Charge(format.Weight);
        work.All();
        return new Str(work._text.ToString(), format.IsMarkup);
    }

    private void All()
    {
        bool named = false;
        while (_at < _format.Length)
        {
            int percent = _format.IndexOf('%', _at);
            if (percent < 0) percent = _format.Length;
            _text.Append(_format, _at, percent - _at);
            _at = percent + 1;
            if (percent < _format.Length) named |= One();
        }
        if (!named && _next < _items.Length && _values is not (DictValue or ListValue or RangeValue or Undefined) && (_values is TupleValue || _next == 0)) throw Fail.Runtime("not all arguments converted during string formatting");
    }

    /// <summary>One directive; whether it names its value.</summary>
    private bool One()
    {
        Value? named = null;
        if (Peek() == '(') named = Named();
        string flags = "";
        while (Peek() is '-' or '+' or ' ' or '#' or '0') flags += _format[_at++];
        int? width = Count(), precision = null;
        if (width < 0) (flags, width) = (flags + "-", -width);
        if (Peek() == '.')
        {
            _at++;
            precision = Math.Max(0, Count() ?? 0);
        }
        while (Peek() is 'h' or 'l' or 'L') _at++;
        if (_at >= _format.Length) throw Fail.Runtime("incomplete format");
        char type = _format[_at++];
        if (type == '%')
        {
            _text.Append('%');
            return named is not null;
        }
        var value = named ?? Next();
        var spec = new NumberSpec { Zero = flags.Contains('0') && !flags.Contains('-'), Alternate = flags.Contains('#'), Sign = flags.Contains('+') ? '+' : flags.Contains(' ') ? ' ' : '-', Precision = precision, Width = width ?? 0 };
        _run.ChargeLength((width ?? 0L) + (precision ?? 0) + _text.Length, int.MaxValue);
        _run.Charge(1 + ((width ?? 0L) + (precision ?? 0)) / 16);
        string text = Convert(type, value, spec);
        _text.Append(flags.Contains('-') ? Pad(text, spec.Width, left: false) : Pad(text, spec.Width, left: true));
        return named is not null;
    }

    private string Convert(char type, Value value, NumberSpec spec)
    {
        switch (type)
        {
            case 's' or 'r' or 'a':
                string text = type == 's' ? PythonText.Of(value, _run) : PythonText.Repr(value);
                if (type == 'a') text = Ascii(text);
                if (_escapes) text = Markup.Escape(value is Str && type == 's' ? value : new Str(text), _run).Text;
                return spec.Precision is { } p && new Str(text) is var s && s.Length > p ? s.Sub(0, p).Text : text;
            case 'd' or 'i' or 'u':
                return spec.Integer(ToInteger(value), 'd');
            case 'x' or 'X' or 'o':
                if (!Number.IsInt(value, out var n)) throw Wrong($"%{type} format: an integer is required, not {value.TypeName}", value);
                return spec.Integer(n, type);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                if (!Number.Is(value)) throw Wrong($"must be real number, not {value.TypeName}", value);
                return spec.Float(Number.ToDouble(value), type);
            case 'c':
                if (value is Str { Length: 1 } one) return one.Text;
                if (!Number.IsInt(value, out var code)) throw Wrong("%c requires int or char", value);
                return code >= 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000) ? char.ConvertFromUtf32((int)code) : throw Fail.Runtime("%c arg not in range(0x110000)");
            default:
                throw Fail.Runtime($"unsupported format character '{type}' (0x{(int)type:x}) at index {_at - 1}");
        }
    }

    private static BigInteger ToInteger(Value value)
    {
        if (Number.IsInt(value, out var n)) return n;
        if (value is not Float f) throw Wrong($"%d format: a real number is required, not {value.TypeName}", value);
        return double.IsFinite(f.Number) ? new BigInteger(Math.Truncate(f.Number)) : throw Fail.Runtime("cannot convert float infinity to integer");
    }

    private static TemplateException Wrong(string reason, Value value) => value is Undefined u ? u.Error() : Fail.Runtime(reason);

    private static string Ascii(string text) => string.Concat(text.EnumerateRunes().Select(r => r.Value < 128 ? r.ToString() : r.Value < 256 ? $"\\x{r.Value:x2}" : r.Value < 65536 ? $"\\u{r.Value:x4}" : $"\\U{r.Value:x8}"));

    private char Peek() => _at < _format.Length ? _format[_at] : '\0';

    private Value Named()
    {
        int depth = 1, start = ++_at;
        for (; _at < _format.Length && depth > 0; _at++) depth += _format[_at] == '(' ? 1 : _format[_at] == ')' ? -1 : 0;
        if (depth > 0) throw Fail.Runtime("incomplete format key");
        if (_values is not DictValue dict) throw Fail.Runtime("format requires a mapping");
        string key = _format[start..(_at - 1)];
        return dict.Get(new Str(key)) ?? throw Fail.Runtime(PythonText.Repr(key));
    }

    private int? Count()
    {
        if (Peek() == '*')
        {
            _at++;
            return Number.IsInt(Next(), out var n) && BigInteger.Abs(n) <= int.MaxValue ? (int)n : throw Fail.Runtime("* wants int");
        }
        int start = _at;
        while (char.IsAsciiDigit(Peek())) _at++;
        if (_at == start) return null;
        return int.TryParse(_format.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : throw Fail.Runtime("width too big");
    }

    private Value Next() => _next < _items.Length ? _items[_next++] : throw Fail.Runtime("not enough arguments for format string");

    private static string Pad(string text, int width, bool left)
    {
        int missing = width - new Str(text).Length;
        return missing <= 0 ? text : left ? new string(' ', missing) + text : text + new string(' ', missing);
    }
}

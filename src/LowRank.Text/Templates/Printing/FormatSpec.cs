using System.Globalization;
using System.Numerics;
using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Printing;

/// <summary>What stands behind the colon of a format's field.</summary>
internal sealed class FormatSpec
{
    private string? _fill;
    private string _text = "";
    private char _align, _sign, _grouping, _type;
    private bool _alternate, _zero, _noNegativeZero;
    private int _width, _at;
    private int? _precision;

    public static string Apply(Run run, Value value, string spec)
    {
        if (value is Undefined && spec.Length > 0) throw Fail.Runtime("unsupported format string passed to Undefined.__format__");
        if (spec.Length == 0) return PythonText.Of(value, run);
        var parsed = new FormatSpec();
        parsed.Parse(spec);
        run.ChargeLength((long)parsed._width + (parsed._precision ?? 0));
        return parsed.Put(value, run);
    }

    private void Parse(string spec)
    {
        _text = spec;
        var points = new Str(spec);
        int first = spec.Length > 0 ? points.Offset(1) : 0;
        if (first < spec.Length && spec[first] is '<' or '>' or '^' or '=') (_fill, _align, _at) = (spec[..first], spec[first], first + 1);
        else if (Peek() is '<' or '>' or '^' or '=') _align = spec[_at++];
        if (Peek() is '+' or '-' or ' ') _sign = spec[_at++];
        _noNegativeZero = Take('z');
        _alternate = Take('#');
        _zero = Take('0');
        _width = Count() ?? 0;
        if (Peek() is ',' or '_') _grouping = spec[_at++];
        if (Take('.')) _precision = Count() ?? throw Fail.Runtime("Format specifier missing precision");
        if (_at < spec.Length) _type = spec[_at++];
        if (_at < spec.Length) throw Fail.Runtime("Invalid format specifier");
    }

    private string Put(Value value, Run run)
    {
        string text = value switch
        {
            Int or Bool when value is Int || _type != 0 || _width > 0 || _align != 0 => Integer(value),
            Float f => Float(f.Number),
            Str s => Text(s.Text),
            _ => throw Fail.Runtime($"unsupported format string passed to {value.TypeName}.__format__"),
        };
        char align = _align != 0 ? _align : value is Str ? '<' : '>';
        int missing = _width - new Str(text).Length;
        if (missing <= 0) return text;
        int left = align switch { '<' => 0, '^' => missing / 2, _ => missing };
        if (align == '=') return text; // filled already
        string fill = _fill ?? (_zero ? "0" : " ");
        return string.Concat(Enumerable.Repeat(fill, left)) + text + string.Concat(Enumerable.Repeat(fill, missing - left));
    }

    private NumberSpec Spec() => new() { Zero = (_zero && _fill is null && (_align is '\0' or '=')) || (_align == '=' && _fill == "0"), Alternate = _alternate, Sign = _sign == 0 ? '-' : _sign, Precision = _precision, Width = _width, Grouping = _grouping, Legacy = false };

    private string Integer(Value value)
    {
        Number.IsInt(value, out var number);
        if (_type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%') return Filled(Spec().Float(Number.ToDouble(value), _type));
        if (_precision is not null) throw Fail.Runtime("Precision not allowed in integer format specifier");
        if (_grouping != 0 && _type == 'n') throw Fail.Runtime($"Cannot specify '{_grouping}' with 'n'.");
        if (_type == 'c' && (_sign != 0 || _alternate || _grouping != 0)) throw Fail.Runtime("Sign, alternate form and grouping are not allowed with integer format specifier 'c'");
        if (_type == 'c') return number >= 0 && number < 0x110000 && !(number >= 0xd800 && number < 0xe000) ? char.ConvertFromUtf32((int)number) : throw Fail.Runtime("%c arg not in range(0x110000)");
        if (_type is not ('\0' or 'd' or 'n' or 'x' or 'X' or 'o' or 'b')) throw Unknown(value);
        if (_grouping == ',' && _type is 'x' or 'X' or 'o' or 'b') throw Fail.Runtime($"Cannot specify ',' with '{_type}'.");
        return Filled(Spec().Integer(number, _type is '\0' or 'n' ? 'd' : _type));
    }

    private string Float(double number)
    {
        if (_type is not ('\0' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or 'n' or '%')) throw Unknown(new Float(number));
        if (_grouping != 0 && _type == 'n') throw Fail.Runtime($"Cannot specify '{_grouping}' with 'n'.");
        string text = Spec().Float(number, _type == 'n' ? 'g' : _type);
        if (_noNegativeZero && text.StartsWith('-') && text.AsSpan(1).IndexOfAnyExcept("0.e+-%") < 0) text = Spec().Float(0.0, _type == 'n' ? 'g' : _type);
        return Filled(text);
    }

    private string Text(string text)
    {
        if (_type is not ('\0' or 's')) throw Unknown(Str.Empty);
        if (_align == '=') throw Fail.Runtime("'=' alignment not allowed in string format specifier");
        if (_sign != 0 || _alternate || _grouping != 0) throw Fail.Runtime("Sign not allowed in string format specifier");
        return _precision is { } p && new Str(text) is var s && s.Length > p ? s.Sub(0, p).Text : text;
    }

    /// <summary>Fills between sign and digits with what is not a zero.</summary>
    private string Filled(string text)
    {
        int missing = _width - text.Length;
        if (_align != '=' || missing <= 0) return text;
        int sign = text[0] is '-' or '+' or ' ' ? 1 : 0;
        if (_alternate && (_type is 'x' or 'X' or 'o' or 'b')) sign += 2;
        return text[..sign] + string.Concat(Enumerable.Repeat(_fill ?? " ", missing)) + text[sign..];
    }

    private TemplateException Unknown(Value value) => Fail.Runtime($"Unknown format code '{_type}' for object of type '{value.TypeName}'");

    private char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private bool Take(char c)
    {
        if (Peek() != c) return false;
        _at++;
        return true;
    }

    private int? Count()
    {
        int start = _at;
        while (char.IsAsciiDigit(Peek())) _at++;
        if (_at == start) return null;
        return int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : throw Fail.Runtime("Too many decimal digits in format string");
    }
}

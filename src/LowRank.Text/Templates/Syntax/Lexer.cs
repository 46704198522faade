using LowRank.Text.Templates.Printing;

namespace LowRank.Text.Templates.Syntax;

/// <summary>Cuts a template into text, tags and what stands in them, with trim_blocks and lstrip_blocks on.</summary>
internal sealed class Lexer
{
    private readonly Source _source;
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private int _at;

    private Lexer(Source source) => (_source, _text) = (source, source.Text);

    /// <summary>All tokens, the last one the end.</summary>
    public static List<Token> Tokens(Source source)
    {
        var lexer = new Lexer(source);
        lexer.Template();
        return lexer._tokens;
    }

    private void Template()
    {
        while (_at < _text.Length)
        {
            int tag = NextTag();
            if (tag < 0)
            {
                AddData(_at, _text.Length);
                break;
            }
            int start = _at;
            char kind = _text[tag + 1], sign = tag + 2 < _text.Length && _text[tag + 2] is '-' or '+' ? _text[tag + 2] : ' ';
            AddData(start, DataEnd(start, tag, sign, kind == '{'));
            _at = tag + (sign == ' ' ? 2 : 3);
            if (kind == '#') Comment(tag);
            else if (kind == '%' && TryRawBegin()) Raw(tag);
            else Tag(kind == '{', tag);
        }
        _tokens.Add(new(TokenKind.Eof, "", _text.Length));
    }

    private int NextTag()
    {
        for (int i = _at; (i = _text.IndexOf('{', i)) >= 0 && i + 1 < _text.Length; i++)
            if (_text[i + 1] is '{' or '%' or '#') return i;
        return -1;
    }

    /// <summary>Where the text before a tag ends: a minus takes all blanks, a statement alone on its line the blanks before it.</summary>
    private int DataEnd(int start, int tag, char sign, bool isVariable)
    {
        int end = tag;
        if (sign == '-')
        {
            while (end > start && PythonChar.IsSpace(_text[end - 1])) end--;
            return end;
        }
        if (sign == '+' || isVariable) return end;
        while (end > start && _text[end - 1] != '\n' && PythonChar.IsSpace(_text[end - 1])) end--;
        bool lineBegins = end > start ? _text[end - 1] == '\n' : start == 0 || _text[start - 1] == '\n';
        return lineBegins ? end : tag;
    }

    private void AddData(int start, int end)
    {
        if (end > start) _tokens.Add(new(TokenKind.Data, _text[start..end], start));
    }

    private void Comment(int tag)
    {
        int end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw _source.Error("Missing end of comment tag", tag);
        Close(end, end > _at ? _text[end - 1] : ' ');
    }

    /// <summary>Steps behind the two closing characters and what the sign before them takes.</summary>
    private void Close(int end, char sign)
    {
        _at = end + 2;
        if (sign == '-') SkipBlanks();
        else if (sign != '+' && _at < _text.Length && _text[_at] == '\n') _at++;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && PythonChar.IsSpace(_text[_at])) _at++;
    }

    private bool TryRawBegin()
    {
        int begin = _at;
        SkipBlanks();
        if (!_text.AsSpan(_at).StartsWith("raw")) return Back(begin);
        _at += 3;
        SkipBlanks();
        if (_text.AsSpan(_at).StartsWith("-%}"))
        {
            _at += 3;
            SkipBlanks();
            return true;
        }
        if (!_text.AsSpan(_at).StartsWith("%}")) return Back(begin);
        _at += 2;
        return true;
    }

    private bool Back(int begin)
    {
        _at = begin;
        return false;
    }

    private void Raw(int tag)
    {
        int start = _at;
        for (int i = start; (i = _text.IndexOf("{%", i, StringComparison.Ordinal)) >= 0; i++)
        {
            _at = i + 2;
            char sign = _at < _text.Length && _text[_at] is '-' or '+' ? _text[_at++] : ' ';
            SkipBlanks();
            if (!_text.AsSpan(_at).StartsWith("endraw")) continue;
            _at += 6;
            SkipBlanks();
            char close = _at < _text.Length && _text[_at] is '-' or '+' ? _text[_at++] : ' ';
            if (!_text.AsSpan(_at).StartsWith("%}")) continue;
            AddData(start, DataEnd(start, i, sign, isVariable: false));
            Close(_at, close);
            return;
        }
        throw _source.Error("Missing end of raw directive", tag);
    }

    private void Tag(bool isVariable, int tag)
    {
        _tokens.Add(new(isVariable ? TokenKind.VariableBegin : TokenKind.BlockBegin, "", tag));
        Stack<char> brackets = new();
        while (true)
        {
            SkipBlanks();
            if (_at >= _text.Length) throw _source.Error("unexpected end of template", Math.Max(0, _text.Length - 1));
            if (brackets.Count == 0 && TryClose(isVariable)) return;
            int start = _at;
            char c = _text[_at];
            if (TagScanner.TryNumber(_text, ref _at, out var number)) _tokens.Add(number);
            else if (PythonChar.IsWord(_text, _at)) Name(start);
            else if (c is '"' or '\'') _tokens.Add(StringLiteral.Read(_source, ref _at));
            else Operator(brackets);
        }
    }

    private bool TryClose(bool isVariable)
    {
        var rest = _text.AsSpan(_at);
        char sign = rest[0] == '-' || (rest[0] == '+' && !isVariable) ? rest[0] : ' ';
        if (!rest[(sign == ' ' ? 0 : 1)..].StartsWith(isVariable ? "}}" : "%}")) return false;
        _tokens.Add(new(isVariable ? TokenKind.VariableEnd : TokenKind.BlockEnd, "", _at));
        int end = _at + (sign == ' ' ? 0 : 1);
        if (!isVariable || sign == '-') Close(end, sign);
        else _at = end + 2;
        return true;
    }

    private void Name(int start)
    {
        while (_at < _text.Length && PythonChar.IsWord(_text, _at)) _at += char.IsHighSurrogate(_text[_at]) ? 2 : 1;
        string name = _text[start.._at];
        if (!PythonChar.IsIdentifier(name)) throw _source.Error("Invalid character in identifier", start);
        _tokens.Add(new(TokenKind.Name, name, start));
    }

    private void Operator(Stack<char> brackets)
    {
        string? op = TagScanner.Operator(_text.AsSpan(_at)) ?? throw _source.Error($"unexpected char {PythonText.Repr(_text[_at].ToString())} at {_at}", _at);
        if (op is "(" or "[" or "{") brackets.Push(op == "(" ? ')' : op == "[" ? ']' : '}');
        else if (op is ")" or "]" or "}")
        {
            if (!brackets.TryPop(out char expected)) throw _source.Error($"unexpected '{op}'", _at);
            if (expected != op[0]) throw _source.Error($"unexpected '{op}', expected '{expected}'", _at);
        }
        _tokens.Add(new(TokenKind.Operator, op, _at));
        _at += op.Length;
    }
}

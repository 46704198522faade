using LowRank.Tensors;

namespace LowRank.Text.Patterns;

/// <summary>Reads a regular expression in Oniguruma's Ruby syntax, which tokenizer files are written in, over code points.</summary>
internal sealed partial class RegexParser
{
    private const int MaxLength = 1 << 13, MaxDepth = 100, MaxRepeat = 100_000;
    private readonly string _source;
    private readonly string _place;
    private readonly Dictionary<string, List<int>> _names = new(StringComparer.Ordinal);
    private readonly bool _hasNames;
    private readonly List<(List<int> Numbers, int At)> _references = [];
    private int _at, _depth;
    private bool _ignoreCase, _dotAll, _extended;

    private RegexParser(string source, string place)
    {
        (_source, _place) = (source, place);
        if (source.Length > MaxLength) throw Bad($"it is longer than {MaxLength} characters");
        // With named groups, plain parentheses do not capture.
        for (int i = source.IndexOf("(?<", StringComparison.Ordinal); i >= 0 && !_hasNames; i = source.IndexOf("(?<", i + 1, StringComparison.Ordinal))
            _hasNames = i + 3 < source.Length && source[i + 3] is not ('=' or '!');
    }

    /// <summary>How many groups capture.</summary>
    public int Captures { get; private set; }
    /// <summary>Whether a group's text is asked for.</summary>
    public bool HasReferences => _references.Count > 0;

    /// <summary>The tree of an expression.</summary>
    /// <exception cref="BadInputException">It is malformed, or uses what is not supported.</exception>
    public static (RegexNode Root, int Captures) Parse(string source, string place)
    {
        var parser = new RegexParser(source, place);
        var root = parser.Alternatives();
        if (parser._at < source.Length) throw parser.Bad("a ')' has no '('");
        foreach (var (numbers, at) in parser._references)
            if (numbers.Any(n => n > parser.Captures)) throw parser.Bad("a reference names a group that does not exist", at);
        return (root, parser.HasReferences ? parser.Captures : 0);
    }

    private bool More => _at < _source.Length;

    private RegexNode Alternatives()
    {
        if (++_depth > MaxDepth) throw Bad($"it is nested more than {MaxDepth} deep");
        var items = new List<RegexNode> { Sequence() };
        while (Accept('|')) items.Add(Sequence());
        _depth--;
        return items.Count == 1 ? items[0] : new RegexAlternatives(items);
    }

    private RegexNode Sequence()
    {
        var items = new List<RegexNode>();
        while (More && _source[_at] is not ('|' or ')'))
        {
            if (Atom() is not { } atom) continue;
            items.Add(Repeated(atom));
        }
        return items.Count == 1 ? items[0] : new RegexSequence(items);
    }

    // Null: a comment, or white space of the extended syntax.
    private RegexNode? Atom()
    {
        char c = _source[_at++];
        if (_extended && (c is ' ' or '\t' or '\n' or '\r' or '\f' or '\v')) return null;
        if (_extended && c == '#')
        {
            while (More && _source[_at] != '\n') _at++;
            return null;
        }
        return c switch
        {
            '(' => Group(),
            '[' => new RegexSet(Class()),
            '.' => new RegexSet(_dotAll ? CodePointSet.All : CodePointSet.Of('\n').Negate()),
            '^' => new RegexAnchor(RegexPlace.LineStart),
            '$' => new RegexAnchor(RegexPlace.LineEnd),
            '\\' => Escape(),
            '*' or '+' or '?' => throw Bad("there is nothing to repeat", _at - 1),
            _ => Literal(CodePointAt(_at - 1)),
        };
    }

    private RegexSet Literal(int c) => new(_ignoreCase ? CaseFolding.Close(CodePointSet.Of(c)) : CodePointSet.Of(c));

    // The code point that begins at a place; the reading goes on after it.
    private int CodePointAt(int at)
    {
        int c = Unicode.At(_source, at, out int length);
        _at = at + length;
        return c;
    }

    private RegexNode Repeated(RegexNode node)
    {
        for (int count = 0; Quantifier() is var (min, max, interval); count++)
        {
            if (count > MaxDepth) throw Bad("too many repetitions of one part");
            var kind = RepeatKind.Greedy;
            // `{n}?` is an optional group and `{n,m}+` a repeated one in this syntax.
            if (!(interval && min == max) && Accept('?')) kind = RepeatKind.Lazy;
            else if (!interval && Accept('+')) kind = RepeatKind.Possessive;
            node = new RegexRepeat(node, min, max, kind);
        }
        return node;
    }

    private (int Min, int Max, bool Interval)? Quantifier()
    {
        if (!More) return null;
        switch (_source[_at])
        {
            case '*': _at++; return (0, int.MaxValue, false);
            case '+': _at++; return (1, int.MaxValue, false);
            case '?': _at++; return (0, 1, false);
            case '{': return Interval();
            default: return null;
        }
    }

    // A brace that begins no interval is itself.
    private (int Min, int Max, bool Interval)? Interval()
    {
        int start = _at++;
        int? min = Number(), max = min;
        if (Accept(',')) max = Number() ?? (min is null ? null : int.MaxValue);
        else if (min is null) max = null;
        if (max is null || !Accept('}'))
        {
            _at = start;
            return null;
        }
        int low = min ?? 0, high = max.Value;
        if (low > MaxRepeat || (high != int.MaxValue && high > MaxRepeat)) throw Bad($"a part is repeated more than {MaxRepeat} times", start);
        return low <= high ? (low, high, true) : (high, low, true);
    }

    private int? Number()
    {
        int start = _at;
        long value = 0;
        while (More && char.IsAsciiDigit(_source[_at])) value = Math.Min(value * 10 + (_source[_at++] - '0'), int.MaxValue - 1);
        return _at == start ? null : (int)value;
    }

    private bool Accept(char c)
    {
        if (!More || _source[_at] != c) return false;
        _at++;
        return true;
    }

    private bool Accept(string text)
    {
        if (string.CompareOrdinal(_source, _at, text, 0, text.Length) != 0) return false;
        _at += text.Length;
        return true;
    }

    private BadInputException Bad(string problem, int at = -1)
        => new($"the regular expression cannot be used: {problem} (character {(at < 0 ? _at : at) + 1})", _source.Length <= 200 ? _source : _source[..200] + "...", _place);
}

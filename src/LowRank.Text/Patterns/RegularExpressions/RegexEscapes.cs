using System.Globalization;

namespace LowRank.Text.Patterns;

// Escapes: what stands after a backslash, outside of and in classes.
internal sealed partial class RegexParser
{
    private static readonly Dictionary<char, RegexPlace> Places = new()
    {
        ['A'] = RegexPlace.TextStart, ['z'] = RegexPlace.TextEnd, ['Z'] = RegexPlace.TextEndOrLastLineEnd,
        ['b'] = RegexPlace.WordEdge, ['B'] = RegexPlace.NoWordEdge, ['G'] = RegexPlace.SearchStart,
    };

    private static readonly Dictionary<char, string> Classes = new() { ['d'] = "Digit", ['w'] = "Word", ['s'] = "Space", ['h'] = "XDigit" };

    private static readonly Dictionary<char, char> Controls = new() { ['t'] = '\t', ['n'] = '\n', ['r'] = '\r', ['f'] = '\f', ['v'] = '\v', ['a'] = '\a', ['e'] = '\e' };

    private RegexNode Escape()
    {
        if (!More) throw Bad("it ends in a backslash");
        char c = _source[_at];
        if (Places.TryGetValue(c, out var place)) return Taken(new RegexAnchor(place));
        if (c == 'N') return Taken(new RegexSet(CodePointSet.Of('\n').Negate()));
        if (c == 'O') return Taken(new RegexSet(CodePointSet.All));
        if (c == 'R') return Taken(LineBreak());
        if (c == 'k') return NamedReference();
        if (c is >= '1' and <= '9') return NumberedReference();
        if (c is 'K' or 'X' or 'g' or 'y' or 'Y') throw Bad($"\\{c} is not supported");
        if (ClassEscape(alone: true) is { } set) return new RegexSet(set);
        return Literal(CharacterEscape());

        RegexNode Taken(RegexNode node)
        {
            _at++;
            return node;
        }
    }

    // `\d`, `\p{...}` and their like; null where another escape stands here.
    private CodePointSet? ClassEscape(bool alone = false)
    {
        char c = _source[_at];
        if (Classes.TryGetValue(char.ToLowerInvariant(c), out string? name))
        {
            _at++;
            var set = alone && name == "Word" ? UnicodeProperties.WordAlone : UnicodeProperties.Get(name);
            return char.IsUpper(c) ? set.Negate() : set;
        }
        return c is 'p' or 'P' && _at + 1 < _source.Length && _source[_at + 1] == '{' ? Property(negative: c == 'P', alone) : null;
    }

    private CodePointSet Property(bool negative, bool alone)
    {
        int start = _at - 1;
        _at += 2;
        if (Accept('^')) negative = !negative;
        int end = _source.IndexOf('}', _at);
        if (end < 0) throw Bad("a property does not end", start);
        string name = _source[_at..end];
        _at = end + 1;
        var set = UnicodeProperties.Find(name) ?? throw Bad($"the property {(name.Length <= 40 ? name : name[..40])} is not known", start);
        if (alone && ReferenceEquals(set, UnicodeProperties.Get("Word"))) set = UnicodeProperties.WordAlone;
        if (_ignoreCase) set = CaseFolding.Close(set);
        return negative ? set.Negate() : set;
    }

    private int CharacterEscape()
    {
        char c = _source[_at];
        if (Controls.TryGetValue(c, out char control))
        {
            _at++;
            return control;
        }
        switch (c)
        {
            case 'x':
                _at++;
                if (!Accept('{')) return Hex(1, 2);
                int code = Hex(1, 8);
                return Accept('}') ? code : throw Bad("a code point does not end");
            case 'u':
                _at++;
                return Hex(4, 4);
            case 'c' when _at + 1 < _source.Length:
                _at += 2;
                return _source[_at - 1] & 0x1F;
            case >= '0' and <= '7': return Octal();
            default: return CodePointAt(_at);
        }
    }

    private int Octal()
    {
        int value = 0;
        for (int digits = 0; digits < 3 && More && _source[_at] is >= '0' and <= '7'; digits++) value = value * 8 + (_source[_at++] - '0');
        return value;
    }

    private int Hex(int least, int most)
    {
        int start = _at;
        while (More && _at - start < most && char.IsAsciiHexDigit(_source[_at])) _at++;
        if (_at - start < least || !int.TryParse(_source.AsSpan(start, _at - start), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int value) || (uint)value >= CodePointSet.End)
            throw Bad("a code point's hexadecimal digits are wrong", start);
        return value;
    }

    private static RegexNode LineBreak() => new RegexAtomic(new RegexAlternatives([
        new RegexSequence([new RegexSet(CodePointSet.Of('\r')), new RegexSet(CodePointSet.Of('\n'))]),
        new RegexSet(CodePointSet.OfRanges([('\n', '\r'), (0x85, 0x85), (0x2028, 0x2029)])),
    ]));

    private RegexBackReference NumberedReference()
    {
        int at = _at;
        return Reference([Number()!.Value], at);
    }

    private RegexBackReference NamedReference()
    {
        int at = _at++;
        string name = Accept('<') ? Name('>') : Accept('\'') ? Name('\'') : throw Bad("\\k has no name");
        if (_names.TryGetValue(name, out var numbers)) return Reference(numbers, at);
        return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? Reference([number], at) : throw Bad("a reference names a group that does not exist", at);
    }

    private RegexBackReference Reference(List<int> numbers, int at)
    {
        _references.Add((numbers, at));
        return new RegexBackReference(numbers, _ignoreCase);
    }
}

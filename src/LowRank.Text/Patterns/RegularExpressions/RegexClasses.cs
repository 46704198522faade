namespace LowRank.Text.Patterns;

// Classes: what stands between '[' and ']', with other classes and intersections inside.
internal sealed partial class RegexParser
{
    private CodePointSet Class()
    {
        if (++_depth > MaxDepth) throw Bad($"it is nested more than {MaxDepth} deep");
        int start = _at - 1;
        bool negative = Accept('^');
        // A bracket that closes at once is a member, where another one closes later.
        bool first = true;
        CodePointSet? intersection = null;
        var members = CodePointSet.None;
        while (true)
        {
            if (!More) throw Bad("a class does not end", start);
            if (_source[_at] == ']' && !first)
            {
                _at++;
                break;
            }
            if (Accept("&&"))
            {
                intersection = Cut(intersection, members);
                members = CodePointSet.None;
            }
            else members = members.Union(Member());
            first = false;
        }
        _depth--;
        var set = Cut(intersection, members);
        return negative ? set.Negate() : set;

        static CodePointSet Cut(CodePointSet? left, CodePointSet right) => left is null ? right : left.Intersect(right);
    }

    // One member: a nested class, a named one, a range or a character.
    private CodePointSet Member()
    {
        if (_source[_at] == '[')
        {
            if (Posix() is { } named) return named;
            _at++;
            return Class();
        }
        if (_source[_at] == '\\')
        {
            _at++;
            if (!More) throw Bad("it ends in a backslash");
            if (ClassEscape() is { } set) return set;
            if (_source[_at] == 'R') return Lost();
            return RangeFrom(ClassCharacter());
        }
        return RangeFrom(CodePointAt(_at));

        CodePointSet Lost() => throw Bad("\\R cannot stand in a class");
    }

    // After a backslash in a class: \b is the backspace there.
    private int ClassCharacter()
    {
        if (!Accept('b')) return CharacterEscape();
        return '\b';
    }

    private CodePointSet RangeFrom(int first)
    {
        int at = _at;
        if (!Accept('-') || !More || _source[_at] == ']') return Back();
        if (_source[_at] == '[' || (_source[_at] == '&' && _at + 1 < _source.Length && _source[_at + 1] == '&')) return Back();
        int last;
        if (Accept('\\'))
        {
            if (!More) throw Bad("it ends in a backslash");
            int before = _at;
            if (ClassEscape() is not null)
            {
                _at = before;
                return Back();
            }
            last = ClassCharacter();
        }
        else last = CodePointAt(_at);
        if (last < first) throw Bad("a range ends before it begins", at);
        return Folded(CodePointSet.Of(first, last));

        CodePointSet Back()
        {
            _at = at;
            return Folded(CodePointSet.Of(first));
        }
    }

    private CodePointSet Folded(CodePointSet set) => _ignoreCase ? CaseFolding.Close(set) : set;

    // `[:alpha:]`, `[:^alpha:]`; null where no such thing stands here.
    private CodePointSet? Posix()
    {
        if (string.CompareOrdinal(_source, _at, "[:", 0, 2) != 0) return null;
        int end = _source.IndexOf(":]", _at + 2, Math.Min(24, _source.Length - _at - 2), StringComparison.Ordinal);
        if (end < 0) return null;
        string name = _source[(_at + 2)..end];
        bool negative = name.StartsWith('^');
        if (!name.TrimStart('^').All(char.IsAsciiLetter) || UnicodeProperties.Find(name.TrimStart('^')) is not { } set) return null;
        _at = end + 2;
        return negative ? set.Negate() : set;
    }
}

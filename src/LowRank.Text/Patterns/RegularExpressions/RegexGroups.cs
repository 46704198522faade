namespace LowRank.Text.Patterns;

// Groups: what stands between '(' and ')'.
internal sealed partial class RegexParser
{
    private RegexNode? Group()
    {
        if (!Accept('?')) return _hasNames ? Close(Alternatives) : Capture(null);
        if (Accept(':')) return Close(Alternatives);
        if (Accept('=')) return new RegexLook(Close(Alternatives), Behind: false, Negative: false);
        if (Accept('!')) return new RegexLook(Close(Alternatives), Behind: false, Negative: true);
        if (Accept('>')) return new RegexAtomic(Close(Alternatives));
        if (Accept("<=")) return new RegexLook(Close(Alternatives), Behind: true, Negative: false);
        if (Accept("<!")) return new RegexLook(Close(Alternatives), Behind: true, Negative: true);
        if (Accept('#'))
        {
            int end = _source.IndexOf(')', _at);
            if (end < 0) throw Bad("a comment does not end");
            _at = end + 1;
            return null;
        }
        if (Accept('<')) return Capture(Name('>'));
        if (Accept('\'')) return Capture(Name('\''));
        return Options();
    }

    private RegexCapture Capture(string? name)
    {
        int number = ++Captures;
        if (name is not null)
        {
            if (!_names.TryGetValue(name, out var numbers)) _names[name] = numbers = [];
            numbers.Add(number);
        }
        return new RegexCapture(Close(Alternatives), number);
    }

    private string Name(char end)
    {
        int start = _at, close = _source.IndexOf(end, _at);
        if (close <= start) throw Bad("a group's name is empty or does not end");
        _at = close + 1;
        return _source[start..close];
    }

    // `(?i:...)` for the group; `(?i)` for the rest of the group that it stands in, alternatives included.
    private RegexNode Options()
    {
        var before = (_ignoreCase, _dotAll, _extended);
        bool on = true;
        while (true)
        {
            if (!More) throw Bad("a group does not end");
            switch (_source[_at++])
            {
                case 'i': _ignoreCase = on; break;
                case 'm': _dotAll = on; break;
                case 'x': _extended = on; break;
                case '-': on = false; break;
                case ':': return Restore(Close(Alternatives));
                case ')': return Restore(Alternatives());
                default: throw Bad("this kind of group is not known", _at - 1);
            }
        }

        RegexNode Restore(RegexNode node)
        {
            (_ignoreCase, _dotAll, _extended) = before;
            return node;
        }
    }

    private RegexNode Close(Func<RegexNode> read)
    {
        var before = (_ignoreCase, _dotAll, _extended);
        var node = read();
        (_ignoreCase, _dotAll, _extended) = before;
        if (!Accept(')')) throw Bad("a group does not end");
        return node;
    }
}

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace LowRank;

/// <summary>
/// Spells an expression of Python's `re` for .NET: groups by their number in Python's order (.NET numbers named ones last), Python's own escapes, and
/// nothing that Python would refuse, since PEFT must be able to read what is written again.
/// </summary>
internal sealed class PythonPattern
{
    private readonly string _given;
    private readonly StringBuilder _made = new();
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private int _at, _groups, _open;
    private RegexOptions _options;

    private PythonPattern(string given, int groups) => (_given, _groups) = (given, groups);

    /// <summary>The expression and its options for .NET.</summary>
    /// <param name="given">The expression.</param>
    /// <param name="groups">How many groups stand before its own.</param>
    /// <exception cref="ArgumentException">Python would refuse it.</exception>
    public static (string Pattern, RegexOptions Options) Translate(string given, int groups)
    {
        var translation = new PythonPattern(given, groups);
        while (translation._at < given.Length) translation.Next();
        if (translation._open > 0) throw new ArgumentException("a bracket is not closed");
        return (translation._made.ToString(), translation._options);
    }

    private void Next()
    {
        char c = _given[_at];
        switch (c)
        {
            case '\\': Escape(inClass: false); break;
            case '[': Class(); break;
            case '(': _open++; Group(); break;
            case ')':
                if (--_open < 0) throw new ArgumentException("a bracket is closed that was not opened");
                Copy(1);
                break;
            case '#' when _options.HasFlag(RegexOptions.IgnorePatternWhitespace): SkipTo('\n'); break;
            case '{' when Rest is ['{', ',', >= '0' and <= '9', ..]: _made.Append("{0"); _at++; break; // {,n}
            default: Copy(1); break;
        }
    }

    private ReadOnlySpan<char> Rest => _given.AsSpan(_at);

    private void Copy(int count)
    {
        _made.Append(_given, _at, count);
        _at += count;
    }

    private void SkipTo(char end)
    {
        int length = Rest.IndexOf(end);
        _at = length < 0 ? _given.Length : _at + length + 1;
    }

    private void Escape(bool inClass)
    {
        if (Rest.Length < 2) throw new ArgumentException("it ends in a backslash");
        char c = Rest[1];
        if (char.IsAsciiDigit(c)) Number(inClass);
        else if (c == 'Z' && !inClass) { _made.Append(@"\z"); _at += 2; } // .NET's \Z also stands before a last line end
        else if (c == 'U') Long();
        else if (!char.IsAsciiLetter(c) || (inClass ? "abdDfnrsStuvwWx" : "aAbBdDfnrsStuvwWx").Contains(c)) Copy(2);
        else throw new ArgumentException($"Python has no escape \\{c}");
    }

    // A reference to a group, or a character's octal number.
    private void Number(bool inClass)
    {
        int digits = 0;
        while (digits < 3 && digits + 1 < Rest.Length && char.IsAsciiDigit(Rest[digits + 1])) digits++;
        var number = Rest.Slice(1, digits);
        bool octal = number.ContainsAnyExceptInRange('0', '7') is false && (inClass || number[0] == '0' || digits == 3);
        if (!octal && inClass) throw new ArgumentException($"Python has no escape \\{number[0]} inside [ ]");
        if (!octal && digits == 3) number = number[..2];
        _at += 1 + number.Length;
        if (octal) _made.Append(CultureInfo.InvariantCulture, $@"\u{Convert.ToInt32(number.ToString(), 8):x4}");
        else Refer(int.Parse(number, CultureInfo.InvariantCulture));
    }

    private void Refer(int group)
    {
        if (group > _groups) throw new ArgumentException($"there is no group {group} before it");
        _made.Append(CultureInfo.InvariantCulture, $@"\k<{group}>");
    }

    private void Long()
    {
        if (Rest.Length < 10 || !int.TryParse(Rest.Slice(2, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) || !Rune.IsValid(code))
            throw new ArgumentException(@"\U needs eight hexadecimal digits of a character");
        _made.Append(Regex.Escape(new Rune(code).ToString()));
        _at += 10;
    }

    private void Class()
    {
        int first = Rest is ['[', '^', ..] ? 2 : 1;
        Copy(first);
        if (Rest is [']', ..]) { _made.Append(@"\]"); _at++; }
        while (true)
        {
            switch (Rest)
            {
                case []: throw new ArgumentException("a [ is not closed");
                case [']', ..]: Copy(1); return;
                case ['\\', ..]: Escape(inClass: true); break;
                case ['[', ..]: _made.Append(@"\["); _at++; break; // .NET would take -[ as leaving out
                default: Copy(1); break;
            }
        }
    }

    private void Group()
    {
        switch (Rest)
        {
            case ['(', '?', ':' or '=' or '!' or '>', ..]: Copy(3); break;
            case ['(', '?', '<', '=' or '!', ..]: Copy(4); break;
            case ['(', '?', '#', ..]: SkipTo(')'); _open--; break;
            case ['(', '?', 'P', '<', ..]:
                _at += 4;
                _names[Name('>')] = ++_groups;
                _made.Append(CultureInfo.InvariantCulture, $"(?<{_groups}>");
                break;
            case ['(', '?', 'P', '=', ..]:
                _at += 4;
                Refer(Known(Name(')')));
                _open--;
                break;
            case ['(', '?', '(', ..]:
                _at += 3;
                string asked = Name(')');
                _made.Append(CultureInfo.InvariantCulture, $"(?({(int.TryParse(asked, out int number) ? number : Known(asked))})");
                break;
            case ['(', '?', ..]: Flags(); break;
            default:
                _made.Append(CultureInfo.InvariantCulture, $"(?<{++_groups}>");
                _at++;
                break;
        }
    }

    private string Name(char end)
    {
        int length = Rest.IndexOf(end);
        if (length <= 0) throw new ArgumentException("a group's name is missing or not closed");
        string name = Rest[..length].ToString();
        _at += length + 1;
        return name;
    }

    private int Known(string name) => _names.TryGetValue(name, out int group) ? group : throw new ArgumentException($"there is no group called {name} before it");

    // (?i) at the very beginning, or (?i:...), (?-i:...).
    private void Flags()
    {
        int length = Rest[2..].IndexOfAnyExcept("aiLmsux-");
        char end = length < 0 ? ' ' : Rest[2 + length];
        string flags = Rest.Slice(2, Math.Max(0, length)).ToString();
        if (flags.Length == 0 || end is not (')' or ':') || flags.Contains('L'))
            throw new ArgumentException($"Python has no group that begins with (?{end.ToString().Trim()}; a named one is written (?P<name>...)");
        if (end == ':')
        {
            string kept = string.Concat(flags.Where(f => f is not ('a' or 'u'))).TrimEnd('-'); // names are ASCII
            _made.Append("(?").Append(kept).Append(':');
        }
        else
        {
            if (_made.Length > 0 || flags.Contains('-')) throw new ArgumentException("flags for the whole expression stand at its beginning");
            foreach (char flag in flags)
                _options |= flag switch { 'i' => RegexOptions.IgnoreCase, 'm' => RegexOptions.Multiline, 's' => RegexOptions.Singleline, 'x' => RegexOptions.IgnorePatternWhitespace, _ => 0 };
            _open--;
        }
        _at += 3 + length;
    }
}

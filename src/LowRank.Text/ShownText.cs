using System.Text;

namespace LowRank.Text;

/// <summary>
/// What a stream has shown, against what its text has come to. The text is a settled part, which only grows, and a rest, which may still change;
/// only where the two differ from what was shown is anything kept, so the length of the text costs nothing.
/// </summary>
internal sealed class ShownText
{
    private const char Unfinished = '\uFFFD';
    private string _ahead = "";        // shown, but not settled yet
    private int _unshown;              // settled U+FFFD at the end that were not shown
    private StringBuilder? _beyond;    // once the settled text differs from what was shown: what is settled beyond the shown one's length
    private int _missing;              // and how much of that length the settled text has yet to reach

    /// <summary>Takes what was settled and the rest as it is now, and gives what is to be shown.</summary>
    public string Show(string settled, string rest)
    {
        if (_beyond is not null)
        {
            Skip(settled);
            return "";
        }
        int common = Math.Min(_ahead.Length, settled.Length);
        if (!settled.AsSpan(0, common).SequenceEqual(_ahead.AsSpan(0, common)))
        {
            (_beyond, _missing) = (new StringBuilder(), _ahead.Length);
            Skip(settled);
            return "";
        }
        (_ahead, settled) = (_ahead[common..], settled[common..]);
        return _ahead.Length > 0 ? ShowMore(rest.TrimEnd(Unfinished)) : ShowNew(settled, (settled + rest).TrimEnd(Unfinished));
    }

    /// <summary>What is left to show when the stream ends with this rest.</summary>
    public string End(string rest)
    {
        if (_beyond is not null) return _beyond + From(rest, _missing);
        return _ahead.Length > 0 ? From(rest, _ahead.Length) : new string(Unfinished, _unshown) + rest;
    }

    private string ShowMore(string whole)
    {
        if (!whole.StartsWith(_ahead, StringComparison.Ordinal)) return "";
        string piece = whole[_ahead.Length..];
        _ahead = whole;
        return piece;
    }

    private string ShowNew(string settled, string whole)
    {
        if (whole.Length == 0)
        {
            _unshown += settled.Length;
            return "";
        }
        string piece = new string(Unfinished, _unshown) + whole;
        _ahead = From(whole, settled.Length);
        _unshown = Math.Max(0, settled.Length - whole.Length);
        return piece;
    }

    private void Skip(string settled)
    {
        _beyond!.Append(From(settled, _missing));
        _missing = Math.Max(0, _missing - settled.Length);
    }

    private static string From(string text, int start) => start < text.Length ? text[start..] : "";
}

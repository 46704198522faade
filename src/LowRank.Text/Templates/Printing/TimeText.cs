using System.Globalization;
using System.Text;

namespace LowRank.Text.Templates.Printing;

/// <summary>strftime, with the C library's names and flags, in English.</summary>
internal static class TimeText
{
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;

    private static readonly Dictionary<char, Func<DateTime, string>> Directives = new()
    {
        ['a'] = t => t.ToString("ddd", English), ['A'] = t => t.ToString("dddd", English), ['b'] = t => t.ToString("MMM", English), ['h'] = t => t.ToString("MMM", English), ['B'] = t => t.ToString("MMMM", English),
        ['d'] = t => Two(t.Day), ['e'] = t => Blank(t.Day), ['m'] = t => Two(t.Month), ['y'] = t => Two(t.Year % 100), ['Y'] = t => Plain(t.Year), ['C'] = t => Two(t.Year / 100),
        ['H'] = t => Two(t.Hour), ['I'] = t => Two(Twelve(t)), ['k'] = t => Blank(t.Hour), ['l'] = t => Blank(Twelve(t)), ['M'] = t => Two(t.Minute), ['S'] = t => Two(t.Second), ['f'] = t => t.ToString("ffffff", English),
        ['p'] = t => t.Hour < 12 ? "AM" : "PM", ['P'] = t => t.Hour < 12 ? "am" : "pm", ['j'] = t => t.DayOfYear.ToString("000", English), ['w'] = t => Plain((int)t.DayOfWeek), ['u'] = t => Plain(IsoDay(t)),
        ['U'] = t => Two((t.DayOfYear + 6 - (int)t.DayOfWeek) / 7), ['W'] = t => Two((t.DayOfYear + 6 - ((IsoDay(t) + 6) % 7)) / 7), ['V'] = t => Two(ISOWeek.GetWeekOfYear(t)), ['G'] = t => Plain(ISOWeek.GetYear(t)), ['g'] = t => Two(ISOWeek.GetYear(t) % 100),
        ['D'] = t => Of(t, "%m/%d/%y"), ['x'] = t => Of(t, "%m/%d/%y"), ['F'] = t => Of(t, "%Y-%m-%d"), ['T'] = t => Of(t, "%H:%M:%S"), ['X'] = t => Of(t, "%H:%M:%S"), ['R'] = t => Of(t, "%H:%M"), ['r'] = t => Of(t, "%I:%M:%S %p"), ['c'] = t => Of(t, "%a %b %e %H:%M:%S %Y"),
        ['n'] = _ => "\n", ['t'] = _ => "\t", ['%'] = _ => "%", ['z'] = _ => "", ['Z'] = _ => "",
        ['s'] = t => ((long)(t - DateTime.UnixEpoch).TotalSeconds).ToString(English),
    };

    /// <summary>The time in a format; an unknown directive stays as it is.</summary>
    public static string Of(DateTime time, string format)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            int at = i + 1;
            while (format[i] == '%' && at < format.Length && "-_0^#".Contains(format[at])) at++;
            if (format[i] != '%' || at >= format.Length || !Directives.TryGetValue(format[at], out var directive)) text.Append(format[i]);
            else
            {
                text.Append(Flagged(directive(time), format.AsSpan(i + 1, at - i - 1)));
                i = at;
            }
        }
        return text.ToString();
    }

    private static string Flagged(string text, ReadOnlySpan<char> flags)
    {
        foreach (char flag in flags)
            text = flag switch
            {
                '-' => text.TrimStart(' ').TrimStart('0') is { Length: > 0 } kept ? kept : "0",
                '_' => text.TrimStart('0').PadLeft(text.Length),
                '0' => text.Replace(' ', '0'),
                '^' => text.ToUpperInvariant(),
                _ => text.Any(char.IsLower) ? text.ToUpperInvariant() : text.ToLowerInvariant(),
            };
        return text;
    }

    private static string Two(int n) => n.ToString("00", English);
    private static string Plain(int n) => n.ToString(English);
    private static string Blank(int n) => n.ToString(English).PadLeft(2);
    private static int Twelve(DateTime t) => t.Hour % 12 == 0 ? 12 : t.Hour % 12;
    private static int IsoDay(DateTime t) => t.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)t.DayOfWeek;
}

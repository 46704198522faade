using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LowRank.Training;

/// <summary>What is wrong with a text that is no JSON, in words that tell what to do.</summary>
internal static class JsonFaults
{
    private const int Shown = 16;
    private const string FromPython = "Python writes JSON with json.dumps(row).";

    private static readonly (string Word, string Remedy)[] Words =
    [
        ("NaN", "JSON has no such number: write null, or leave the key out."),
        ("nan", "JSON has no such number: write null, or leave the key out."),
        ("Infinity", "JSON has no such number: write null, or leave the key out."),
        ("inf", "JSON has no such number: write null, or leave the key out."),
        ("True", FromPython), ("False", FromPython), ("None", FromPython), ("undefined", "Write null, or leave the key out."),
    ];

    /// <summary>The problem (the same words for the same fault), where it shows, and the remedy.</summary>
    public static (string Problem, string Value, string? Remedy) Of(ReadOnlySpan<byte> text, JsonException e)
    {
        int line = 0;
        for (long left = e.LineNumber ?? 0; left > 0 && text[line..].IndexOf((byte)'\n') is >= 0 and var end; left--) line += end + 1;
        int at = (int)Math.Min(text.Length, line + (e.BytePositionInLine ?? 0));
        // to the word's beginning
        while (at > line && at < text.Length && char.IsAsciiLetter((char)text[at]) && char.IsAsciiLetter((char)text[at - 1])) at--;
        var (what, remedy) = What(text, at);
        string place = e.LineNumber > 0 ? string.Create(CultureInfo.InvariantCulture,
            $"line {e.LineNumber + 1} of it, column {at - line + 1}") : string.Create(CultureInfo.InvariantCulture, $"column {at + 1}");
        if (IsTooDeep(e)) return ("JSON that is nested more than 64 deep", place, null);
        return ("not JSON: " + what, at < text.Length ? $"{place}: {Piece(text[at..])}" : place, remedy);
    }

    private static (string What, string? Remedy) What(ReadOnlySpan<byte> text, int at)
    {
        var rest = text[at..];
        int before = text[..at].LastIndexOfAnyExcept(" \t\r\n"u8);
        char next = rest.IsEmpty ? '\0' : (char)rest[0], last = before < 0 ? '\0' : (char)text[before];
        if (rest.IsEmpty) return ("it ends within a value", "Is it cut short? An object may stand on several lines only where each does.");
        if (next == '\0') return ("NUL bytes", "The file was cut off by a crash, or is UTF-16: leave them out, or save it as UTF-8.");
        foreach (var (word, how) in Words)
            if (rest.StartsWith(Encoding.ASCII.GetBytes(word))) return ($"{word} is no value there", how);
        if (last == '\\') return ("an escape that JSON does not have", "A backslash itself is written twice.");
        if (next < ' ') return ("a control character within a text", "Write it as an escape, such as \\t or \\n.");
        if (IsWhole(text[..at])) return After(next, rest);
        return next switch
        {
            '\'' => ("single quotation marks", "JSON has double ones. " + FromPython),
            '}' or ']' when last == ',' => ("a comma before the closing bracket", "Leave it out."),
            '/' or '#' => ("a comment", "JSON has none: leave it out."),
            '"' => ("a comma or a colon is missing", null),
            _ when char.IsAsciiLetter(next) && last is '{' or ',' => ("a name without quotation marks", "Put it in double ones."),
            _ => ("something that stands for no value", null),
        };
    }

    private static (string What, string? Remedy) After(char next, ReadOnlySpan<byte> rest) => next switch
    {
        '{' or '[' => ("two values on one line", "Put each on a line of its own: was a line's end lost where files were joined?"),
        ',' => ("a comma behind the object", "Lines are not parted by commas: leave it out, or put all objects in [ ]."),
        _ when rest.StartsWith("\uFEFF"u8) => ("a byte order mark within a line", "Files were joined without a line's end: put it there."),
        _ => ("something follows the object", null),
    };

    private static bool IsTooDeep(JsonException e) => e.Message.Contains("depth", StringComparison.OrdinalIgnoreCase);

    private static bool IsWhole(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try { return reader.Read() && reader.TrySkip() && reader.BytesConsumed > 0 && !reader.Read(); }
        catch (JsonException) { return false; }
    }

    private static string Piece(ReadOnlySpan<byte> rest)
    {
        string text = Encoding.UTF8.GetString(rest[..Math.Min(rest.Length, Shown)]);
        var piece = new StringBuilder(text.Length);
        foreach (char c in text) piece.Append(char.IsControl(c) ? c < ' ' ? (char)(0x2400 + c) : '\uFFFD' : c);
        return piece.ToString().TrimEnd('\uFFFD');
    }
}

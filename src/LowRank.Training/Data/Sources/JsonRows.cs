using System.Text.Json;

namespace LowRank.Training;

/// <summary>
/// JSON, however it is laid out: an object a line, objects over several lines, a list, an object that holds a list, one row, or one
/// conversation as a list of messages. The file's first value decides, not its
/// name alone; where it leaves a doubt, .jsonl is lines, so that each faulty line is named.
/// </summary>
internal static class JsonRows
{
    private const int Looked = 1 << 20;

    private enum Layout { Lines, Values, List, Object, Row, Messages, Conversations }

    public static IEnumerable<RawRow> Read(DataFile file, bool lines) => LayoutOf(file, lines) switch
    {
        Layout.Lines => Lines.Of(file).Select(l => new RawRow(file, l.Number, l.Line)),
        Layout.Values => JsonList.Values(file),
        Layout.List => JsonList.OfList(file),
        Layout.Object => JsonList.OfObject(file),
        Layout.Messages => JsonList.Single(file, "messages"),
        Layout.Conversations => JsonList.Single(file, "conversations"),
        _ => JsonList.Single(file, null),
    };

    private static Layout LayoutOf(DataFile file, bool lines)
    {
        using var window = TextStart.Open(file);
        int first = window.SkipBlanks();
        if (first != '{' && first != '[') return lines ? Layout.Lines : Layout.List; // which names what is wrong
        int length = JsonList.Length(window, Looked);
        // longer than was looked at, or cut short
        if (length <= 0) return first == '[' ? Layout.List : lines ? Layout.Lines : Layout.Object;
        byte[] value = window.Bytes[..length].ToArray();
        bool spans = value.AsSpan().IndexOfAny((byte)'\n', (byte)'\r') >= 0;
        window.Advance(length);
        int next = window.SkipBlanks();
        if (next == first) return first == '{' && spans && !HasLineInText(value) ? Layout.Values : Layout.Lines;
        if (next >= 0) return lines ? Layout.Lines : first == '[' ? Layout.List : Layout.Values;
        if (first == '[') return Speaker(value) switch { "role" => Layout.Messages, "from" => Layout.Conversations, _ => Layout.List };
        if (lines && (!spans || HasLineInText(value))) return Layout.Lines;
        return HoldsRows(value) ? Layout.Object : Layout.Row;
    }

    /// <summary>What names the speaker in the first of a list's elements, where that is a message and no row; else null.</summary>
    private static string? Speaker(byte[] list)
        => Look(list, root => root is { ValueKind: JsonValueKind.Array }
            && root.EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } first ? Speaker(first) : null);

    private static string? Speaker(JsonElement message)
        => RowFormats.Knows(message) ? null : message.TryGetProperty("role", out _) ? "role" : message.TryGetProperty("from", out _)
            && message.TryGetProperty("value", out _) ? "from" : null;

    /// <summary>Whether an object is no row but holds a list of rows, or an empty list and nothing that a row has. One that is no JSON is
    /// taken for such where it has a list: its rows are then looked at one by one.</summary>
    private static bool HoldsRows(byte[] value)
        => Look(value, root => root is { ValueKind: JsonValueKind.Object } && !RowFormats.Knows(root) && root.EnumerateObject().Any(p
            => IsRows(p.Value)) ? "rows" : "none") is { } found ? found == "rows" : value.Contains((byte)'[');

    private static bool IsRows(JsonElement value)
        => value.ValueKind == JsonValueKind.Array && (value.GetArrayLength() == 0
            || (value.EnumerateArray().First() is { ValueKind: JsonValueKind.Object } row && Speaker(row) is null));

    // A line's end within a text is no JSON: a quotation mark is missing, and what looks like one value is several lines.
    private static bool HasLineInText(byte[] value)
    {
        bool text = false;
        for (int i = 0; i < value.Length; i++)
            if (value[i] == '"') text = !text;
            else if (text && value[i] == '\\') i++;
            else if (text && (value[i] is (byte)'\n' or (byte)'\r')) return true;
        return false;
    }

    private static string? Look(byte[] json, Func<JsonElement, string?> what)
    {
        try
        {
            using var parsed = JsonDocument.Parse(json);
            return what(parsed.RootElement);
        }
        // no JSON, or a name with half a surrogate pair
        catch (Exception e) when (e is JsonException or InvalidOperationException) { return null; }
    }
}

using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>JSON values over several lines, read one at a time whatever the file's size: those of a list, of an object that holds one, or
/// one after the other.</summary>
internal static class JsonList
{
    /// <summary>The elements of a list.</summary>
    public static IEnumerable<RawRow> OfList(DataFile file)
    {
        using var window = TextStart.Open(file);
        if (window.SkipBlanks() != '[') throw NoList(file);
        foreach (var row in Items(window, file)) yield return row;
        if (window.SkipBlanks() >= 0) throw Broken(window, file, "something follows the list");
    }

    /// <summary>The elements of the list of objects that an object holds.</summary>
    public static IEnumerable<RawRow> OfObject(DataFile file)
    {
        using var window = TextStart.Open(file);
        window.SkipBlanks();
        foreach (var row in OfObject(window, file)) yield return row;
        if (window.SkipBlanks() >= 0) throw Broken(window, file, "something follows the object");
    }

    /// <summary>Objects one after the other.</summary>
    public static IEnumerable<RawRow> Values(DataFile file)
    {
        using var window = TextStart.Open(file);
        while (window.SkipBlanks() is >= 0 and var next)
            yield return next == '{' ? Row(window, file) : throw Broken(window, file, "something other than an object follows an object");
    }

    /// <summary>The file's only value as a row, or as what a row has under <paramref name="key"/>.</summary>
    public static IEnumerable<RawRow> Single(DataFile file, string? key)
    {
        using var window = TextStart.Open(file);
        window.SkipBlanks();
        var row = Row(window, file);
        yield return key is null ? row : row with { Json = (byte[])[.. "{\""u8, .. System.Text.Encoding.UTF8.GetBytes(key), .. "\": "u8,
            .. row.Json.Span, (byte)'}'] };
    }

    /// <summary>The elements of the list of objects that an object holds; its other properties are left out, which is told.</summary>
    private static IEnumerable<RawRow> OfObject(Window window, DataFile file)
    {
        window.Advance(1);
        string? found = null;
        for (bool more = window.SkipBlanks() != '}'; more; more = Separator(window, file, '}'))
        {
            if (window.SkipBlanks() != '"') throw Broken(window, file, "a name in quotation marks is missing");
            string name = Name(Value(window, file), window, file);
            if (window.SkipBlanks() != ':') throw Broken(window, file, "a colon is missing");
            window.Advance(1);
            if (window.SkipBlanks() == '[' && HoldsObjects(window))
            {
                if (found is not null) throw new BadInputException("the file holds two lists of objects", $"\"{found}\" and \"{name}\"",
                    file.Path, "one list", "Write each list into a file of its own, and name those that are meant.");
                found = name;
                foreach (var row in Items(window, file)) yield return row;
            }
            else
            {
                Value(window, file);
                file.LeaveOut(name, "it stands beside the list of rows");
            }
        }
        if (found is null) throw NoList(file);
        window.Advance(1);
    }

    private static IEnumerable<RawRow> Items(Window window, DataFile file)
    {
        window.Advance(1);
        for (bool more = window.SkipBlanks() != ']'; more; more = Separator(window, file, ']'))
        {
            window.SkipBlanks();
            yield return Row(window, file);
        }
        window.Advance(1);
    }

    private static RawRow Row(Window window, DataFile file)
    {
        long line = window.Line;
        byte[] json = Value(window, file);
        Encodings.Check(json, file.Path, line);
        return new RawRow(file, line, json);
    }

    /// <summary>Takes a comma; false before the closing bracket.</summary>
    private static bool Separator(Window window, DataFile file, char close)
    {
        int next = window.SkipBlanks();
        if (next == close) return false;
        if (next != ',') throw Broken(window, file, next < 0 ? "it ends within the list" : "a comma is missing");
        window.Advance(1);
        return true;
    }

    /// <summary>Takes one value, by its brackets and quotation marks only; whoever parses it sees whether it is right.</summary>
    private static byte[] Value(Window window, DataFile file)
    {
        int length = Length(window, int.MaxValue);
        if (length <= 0) throw Broken(window, file, length < 0 ? "it ends within a value" : "a value is missing");
        byte[] value = window.Bytes[..length].ToArray();
        window.Advance(length);
        return value;
    }

    /// <summary>The length of the value that the window begins with; -1 where the file ends within it or it is over <paramref name="most"/>.</summary>
    public static int Length(Window window, int most)
    {
        int depth = 0;
        bool text = false;
        for (int i = 0; i < most; i++)
        {
            while (i >= window.Bytes.Length)
                if (!window.More()) return depth == 0 && !text && i == window.Bytes.Length ? i : -1;
            byte b = window.Bytes[i];
            if (text)
            {
                if (b == '\\') i++;
                else if (b != '"') i += PlainText(window.Bytes[(i + 1)..]);
                else
                {
                    text = false;
                    if (depth == 0) return i + 1;
                }
            }
            else if (b == '"') text = true;
            else if (b is (byte)'{' or (byte)'[') depth++;
            else if (b is (byte)'}' or (byte)']')
            {
                if (depth == 0) return i;
                if (--depth == 0) return i + 1;
            }
            else if (depth == 0 && (b is (byte)',' or (byte)':' || b <= ' ')) return i;
        }
        return -1;
    }

    private static int PlainText(ReadOnlySpan<byte> rest) => rest.IndexOfAny((byte)'"', (byte)'\\') is >= 0 and var end ? end : rest.Length;

    private static bool HoldsObjects(Window window)
    {
        int i = 1;
        while (true)
        {
            while (i < window.Bytes.Length && window.Bytes[i] <= ' ') i++;
            if (i < window.Bytes.Length) return window.Bytes[i] == '{';
            if (!window.More()) return false;
        }
    }

    private static string Name(byte[] json, Window window, DataFile file)
    {
        try { return JsonSerializer.Deserialize<string>(json)!; }
        catch (JsonException e) { throw Broken(window, file, "a name is no text", e); }
    }

    private static BadInputException NoList(DataFile file)
        => new("the file does not hold a list of objects", place: file.Path,
            expected: "[{…}, {…}], {\"data\": [{…}, {…}]}, one object a line, or one object");

    private static BadInputException Broken(Window window, DataFile file, string why, Exception? inner = null)
        => new("the file is not JSON: " + why, place: $"{file.Path}:{window.Line}", expected: "a list of objects", inner: inner);
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// .csv and .tsv as RFC 4180 has them: a line of names first, fields in quotation marks where they hold separators, line ends or (doubled)
/// quotation marks. All values are text as it is written; an empty
/// field without quotation marks is none. The separator is the one that the names have between them.
/// </summary>
internal static class DelimitedLines
{
    private const int MostFields = 4096;

    public static IEnumerable<RawRow> Read(DataFile file, byte usual)
    {
        using var window = TextStart.Open(file);
        byte separator = DelimitedHeader.Separator(window, usual);
        var json = new RowJson();
        List<string?> fields = [];
        long line = window.Line;
        if (Record(window, file, separator, fields) == 0) yield break;
        string[] names = DelimitedHeader.Names(fields, file, line);
        while (true)
        {
            line = window.Line;
            if (Record(window, file, separator, fields) == 0) yield break;
            if (fields is [null]) continue; // a blank line
            if (fields.Count != names.Length)
                throw new BadInputException("a line has another number of fields than the first", fields.Count.ToString(CultureInfo.InvariantCulture), $"{file.Path}:{line}", $"{names.Length}: {string.Join(", ", names)}", "Put fields that hold separators in quotation marks.");
            DelimitedHeader.Check(names, fields, file, line);
            yield return new RawRow(file, line, json.Write((names, fields), static (writer, row) =>
            {
                for (int i = 0; i < row.names.Length; i++)
                    if (row.fields[i] is { } value && row.names[i].Length > 0) writer.WriteString(row.names[i], value);
            }));
        }
    }

    /// <summary>Takes one record; the bytes that it had, 0 at the end of the file.</summary>
    private static int Record(Window window, DataFile file, byte separator, List<string?> fields)
    {
        fields.Clear();
        int total = 0;
        while (true)
        {
            long line = window.Line;
            var (length, quoted, end) = Field(window, file, separator);
            if (length == 0 && end < 0 && fields.Count == 0) return 0;
            fields.Add(Text(window.Bytes[..length], quoted, file, line));
            if (fields.Count > MostFields) throw new BadInputException("a line has too many fields", $"over {MostFields}", $"{file.Path}:{line}");
            int ends = end == '\r' && window.Peek(length + 1) == '\n' ? 2 : end < 0 ? 0 : 1;
            window.Advance(length + ends);
            if ((total += length + ends) > FileKind.LongestRow) throw new BadInputException("a row is too long", $"over {FileKind.LongestRow >> 20} MiB", $"{file.Path}:{line}");
            if (end != separator) return Math.Max(1, total);
        }
    }

    /// <summary>The length of the field that the window begins with, whether it is in quotation marks, and the byte that ends it (-1: the file's end).</summary>
    private static (int Length, bool Quoted, int End) Field(Window window, DataFile file, byte separator)
    {
        if (window.Peek(0) != '"')
        {
            int length = Search(window, 0, separator, (byte)'\r', (byte)'\n', (byte)'"');
            int end = window.Peek(length);
            return end == '"' ? throw Malformed(window, file, "a quotation mark within a field that does not begin with one",
                "Put the field in quotation marks and write those within it twice.") : (length, false, end);
        }
        for (int at = 1; ;)
        {
            at = Search(window, at, (byte)'"', (byte)'"', (byte)'"', (byte)'"');
            if (window.Peek(at) < 0) throw Malformed(window, file, "a field's closing quotation mark is missing", null);
            int next = window.Peek(at + 1);
            if (next < 0 || next == separator || next is '\r' or '\n') return (at + 1, true, next);
            if (next != '"')
                throw window.Bytes[at - 1] == '\\' ? Malformed(window, file, "a backslash before a quotation mark",
                    "Here such marks are written twice (pandas: to_csv with doublequote, the usual).")
                    : Malformed(window, file, "something follows a field's closing quotation mark",
                        "A mark within a field is written twice, and the field begins and ends with one.");
            at += 2;
        }
    }

    private static int Search(Window window, int from, byte a, byte b, byte c, byte d)
    {
        Span<byte> any = [a, b, c, d];
        while (true)
        {
            int found = from < window.Bytes.Length ? window.Bytes[from..].IndexOfAny(any) : -1;
            if (found >= 0) return from + found;
            from = window.Bytes.Length;
            if (!window.More()) return from;
        }
    }

    private static string? Text(ReadOnlySpan<byte> field, bool quoted, DataFile file, long line)
    {
        Encodings.CheckText(field, file.Path, line);
        if (!quoted) return field.IsEmpty ? null : Encoding.UTF8.GetString(field);
        return Encoding.UTF8.GetString(field[1..^1]).Replace("\"\"", "\"", StringComparison.Ordinal);
    }

    private static BadInputException Malformed(Window window, DataFile file, string why, string? remedy)
        => new(why, place: $"{file.Path}:{window.Line}", expected: "fields as in RFC 4180: \"a \"\"quoted\"\" word, and a comma\"",
            remedy: remedy);
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Reads data files: <c>.jsonl</c> (an object a line, streamed) and <c>.json</c> (a list of objects).</summary>
public static class RowReader
{
    private const int MostErrors = 10;

    /// <summary>The rows of a file, one after the other. Mistakes are gathered and thrown, up to ten of them, when the file ends.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabularySize">The model's: every id must be below it.</param>
    /// <param name="encoder">The tokenizer; null where there is none: rows of text are then refused, rows of ids work.</param>
    /// <param name="maxLength">Longer rows lose their tail; null for no limit.</param>
    /// <exception cref="BadInputException">File, lines or rows are unusable; each error names file and line.</exception>
    public static IEnumerable<Row> Read(string path, int vocabularySize, TokenEncoder? encoder = null, int? maxLength = null)
    {
        var errors = new List<BadInputException>();
        bool any = false;
        foreach (var (line, text) in Elements(path))
        {
            var context = new RowContext($"{path}:{line}", encoder);
            any = true;
            Row? row = null;
            try
            {
                using var document = Parse(text, context);
                row = context.Checked(RowFormats.Make(document.RootElement, context) with { Place = context.Place }, vocabularySize, maxLength);
            }
            catch (BadInputException e) { errors.Add(e); }
            if (errors.Count == MostErrors) break;
            if (row is not null && errors.Count == 0) yield return row;
        }
        if (errors.Count > 0) throw BadInputException.All(errors.Count == MostErrors ? "the data has mistakes; the first are listed" : "the data has mistakes", errors, path);
        if (!any) throw new BadInputException("the data file has no rows", place: path, expected: "at least one row");
    }

    /// <summary>The SHA-256 of a file's bytes, lower-case hexadecimal: a resumed run refuses data that has changed.</summary>
    /// <exception cref="BadInputException">The file cannot be read.</exception>
    public static string Fingerprint(string path)
    {
        using var stream = OpenFile(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static IEnumerable<(int Line, ReadOnlyMemory<byte> Text)> Elements(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".jsonl" or ".ndjson" => Lines(path),
        ".json" => List(path),
        var other => throw new BadInputException("a data file of a kind that is not read", other, path, ".jsonl (an object a line) or .json (a list of objects)"),
    };

    private static IEnumerable<(int, ReadOnlyMemory<byte>)> Lines(string path)
    {
        using var stream = OpenFile(path);
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        for (int line = 1; ; line++)
        {
            string? text;
            try { text = reader.ReadLine(); }
            catch (DecoderFallbackException e) { throw new BadInputException("the file is not UTF-8", place: $"{path}:{line} or soon after", inner: e); }
            if (text is null) yield break;
            if (!string.IsNullOrWhiteSpace(text)) yield return (line, Encoding.UTF8.GetBytes(text));
        }
    }

    private static List<(int, ReadOnlyMemory<byte>)> List(string path)
    {
        using var stream = OpenFile(path);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        int start = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        var found = new List<(int, ReadOnlyMemory<byte>)>();
        try
        {
            var reader = new Utf8JsonReader(bytes.AsSpan(start));
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray) throw new BadInputException("the file does not hold a list", place: path, expected: "[{…}, {…}]", remedy: "Give a file with one object a line the ending .jsonl.");
            int line = 1, counted = 0;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                int begin = start + (int)reader.TokenStartIndex;
                line += bytes.AsSpan(counted, begin - counted).Count((byte)'\n');
                counted = begin;
                reader.Skip();
                found.Add((line, bytes.AsMemory(begin, start + (int)reader.BytesConsumed - begin)));
            }
            while (reader.Read()) { } // whatever follows the list is an error
        }
        catch (JsonException e)
        {
            throw new BadInputException("the file is not JSON", place: $"{path}:{e.LineNumber + 1}", expected: "a list of objects", inner: e);
        }
        return found;
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> text, RowContext context)
    {
        try { return JsonDocument.Parse(text); }
        catch (JsonException e) { throw context.Error($"a line is not JSON (at byte {e.BytePositionInLine + 1})", expected: "one object", inner: e); }
    }

    private static FileStream OpenFile(string path)
    {
        if (Directory.Exists(path)) throw new BadInputException("a folder where a data file was expected", place: path);
        try { return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(e is FileNotFoundException or DirectoryNotFoundException ? "the data file does not exist" : "the data file cannot be read: " + e.Message, place: path, inner: e);
        }
    }
}

using System.Globalization;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The first line of a .csv or .tsv: what parts its fields, and the columns' names.</summary>
internal static class DelimitedHeader
{
    private static readonly byte[] Separators = [(byte)',', (byte)';', (byte)'\t', (byte)'|'];

    /// <summary>What parts the fields: what a spreadsheet's line `sep=;` says (it is passed over), else the usual byte if the names have it
    /// between them, else the only one that they have.</summary>
    public static byte Separator(Window window, byte usual)
    {
        var (length, end) = window.FindLine();
        if (length < 0) return usual;
        var line = window.Bytes[..length];
        var bare = line.Trim((byte)'"');
        if (bare.Length == 5 && bare.StartsWith("sep="u8))
        {
            byte named = bare[4];
            window.Advance(length + end);
            return named;
        }
        List<byte> found = [];
        bool quoted = false;
        foreach (byte b in line)
            if (b == '"') quoted = !quoted;
            else if (!quoted && Separators.Contains(b) && !found.Contains(b)) found.Add(b);
        return found is [var only] ? only : usual;
    }

    /// <summary>The columns' names; a column without one has the name "".</summary>
    /// <exception cref="BadInputException">The line does not name the columns.</exception>
    public static string[] Names(List<string?> fields, DataFile file, long line)
    {
        string[] names = [.. fields.Select(f => f ?? "")];
        string place = $"{file.Path}:{line}";
        const string Expected = "a line of different names, such as prompt,completion";
        if (names.All(n => n.Length == 0)) throw new BadInputException("the first line does not name the columns", "a blank line", place,
            Expected);
        if (names.Where(n => n.Length > 0).GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new BadInputException("the first line does not name the columns", $"\"{twice.Key}\" {twice.Count()} times", place,
                Expected);
        if (names.FirstOrDefault(n => n != n.Trim()) is { } blanks)
            throw new BadInputException("a column's name has blanks around it", $"\"{blanks}\"", place, $"\"{blanks.Trim()}\"",
                "Leave out the blanks beside the separators: they would be part of each value too.");
        return names;
    }

    /// <summary>Refuses the names once more, as where files were joined, and values of a column without a name, unless they count rows as
    /// pandas' index does.</summary>
    public static void Check(string[] names, List<string?> fields, DataFile file, long line)
    {
        string place = $"{file.Path}:{line}";
        if (fields[0] is ['\uFEFF', ..] || (names.Length > 1 && names.SequenceEqual(fields.Select(f => f ?? ""))))
            throw new BadInputException("the line of names, or a byte order mark, once more", place: place,
                expected: "one at the beginning", remedy: "Files were joined: leave that line out, or the mark.");
        for (int i = 0; i < names.Length; i++)
            if (names[i].Length == 0 && fields[i] is { Length: > 0 } value && !long.TryParse(value, NumberStyles.None,
                CultureInfo.InvariantCulture, out _))
                throw new BadInputException("a value in a column without a name",
                    $"\"{(value.Length > 40 ? value[..40] + "…" : value)}\", column {i + 1}", place,
                    "a name for each column in the first line");
    }
}

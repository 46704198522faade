using Apache.Arrow;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Rows of files of columns, which come as Arrow's record batches whoever reads them, and the errors that such readers
/// throw.</summary>
internal static class TableRows
{
    private const string Index = "__index_level_"; // pandas' index, which has no name or this one

    /// <summary>A batch's rows; <paramref name="number"/> is that of the row before.</summary>
    public static IEnumerable<RawRow> Of(DataFile file, RecordBatch batch, RowJson json, long number)
    {
        if (batch.ColumnCount == 0 || (batch.Length > 0 && batch.Arrays.All(a => a is NullArray))) throw Damaged(file,
            "it has no columns with values");
        int[] used = [.. Enumerable.Range(0, batch.ColumnCount).Where(i => batch.Schema.GetFieldByIndex(i).Name is { Length: > 0 } name
            && !name.StartsWith(Index, StringComparison.Ordinal))];
        Field[] fields = [.. used.Select(batch.Schema.GetFieldByIndex)];
        if (fields.GroupBy(f => f.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new BadInputException("two columns have one name", twice.Key, file.Path, "a name for each column");
        IArrowArray[] arrays = [.. used.Select(batch.Column)];
        Action<string, string> left = file.LeaveOut;
        for (int row = 0; row < batch.Length; row++)
            yield return new RawRow(file, ++number, Guard(file, () => json.Write((fields, arrays, row, left), static (writer, at)
                => ArrowValues.WriteFields(writer, at.fields, at.arrays, at.row, at.left)), number));
    }

    /// <summary>Packages throw what they like on files that they cannot read.</summary>
    public static T Guard<T>(DataFile file, Func<T> read, long? row = null)
    {
        try { return read(); }
        catch (Exception e) when (e is not BadInputException) { throw IsUnsupported(e) ? Unsupported(file, e) : Damaged(file, Words(e),
            row, e); }
    }

    /// <summary>Whether the file is whole but holds what the reader does not know.</summary>
    public static bool IsUnsupported(Exception e)
        => e is NotSupportedException || Signs.Any(s
            => e.Message.Contains(s, StringComparison.OrdinalIgnoreCase));

    /// <summary>What a package says, without what it says about itself.</summary>
    public static string Words(Exception e)
    {
        string text = e.Message.Split('\n')[0];
        if (text.IndexOf(Quoting, StringComparison.Ordinal) is >= 0 and var at) text = text[(at + Quoting.Length)..].TrimEnd(')', '\'');
        foreach (string kind in (string[])["IOError: ", "Invalid: ", "NotImplemented: "])
            if (text.StartsWith(kind, StringComparison.Ordinal)) text = text[kind.Length..];
        return text.TrimEnd('.');
    }

    private const string Quoting = "message: '";

    // Of the Arrow library's words: encodings and types without a reader, fixed-size lists with nulls, which it writes but does not read,
    // and encrypted columns.
    private static readonly string[] Signs = ["implemented", "not supported", "unsupported",
        "Expected all lists to be of size", "decrypt", "encrypted"];

    private static BadInputException Unsupported(DataFile file, Exception e)
        => new($"the {file.Ending} file holds what is not read", Words(e), file.Path,
            remedy: "Write it anew without that, or give the rows as .jsonl.", inner: e);

    private static BadInputException Damaged(DataFile file, string why, long? row = null, Exception? inner = null)
        => new($"the {file.Ending} file cannot be read: {why}", place: row is { } n ? file.PlaceOf(n) : file.Path,
            remedy: "It seems cut short or damaged: fetch or write it again.", inner: inner);
}

namespace LowRank.Training;

/// <summary>A file's lines.</summary>
internal static class Lines
{
    /// <summary>Number and bytes of each line that is not blank, without its end; each is valid UTF-8. The byte order marks of files that
    /// were joined are left out.</summary>
    /// <exception cref="LowRank.Tensors.BadInputException">A line is too long or not UTF-8.</exception>
    public static IEnumerable<(long Number, byte[] Line)> Of(DataFile file)
    {
        using var window = TextStart.Open(file);
        while (true)
        {
            var (length, end) = window.FindLine();
            if (length < 0) yield break;
            long number = window.Line;
            byte[] line = window.Bytes[(window.Bytes.StartsWith("\uFEFF"u8) ? 3 : 0)..length].ToArray();
            window.Advance(length + end);
            Encodings.Check(line, file.Path, number);
            if (line.AsSpan().ContainsAnyExcept(" \t\v\f"u8)) yield return (number, line);
        }
    }
}

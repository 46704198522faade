using System.Text.Unicode;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A file's lines.</summary>
internal static class Lines
{
    /// <summary>Number and bytes of each line that is not blank, without its end; each is valid UTF-8.</summary>
    /// <exception cref="BadInputException">A line is too long or not UTF-8.</exception>
    public static IEnumerable<(long Number, byte[] Line)> Of(DataFile file)
    {
        using var window = new Window(file.Open(), file.Path);
        window.SkipPreamble();
        while (true)
        {
            long number = window.Line;
            int length = FindEnd(window);
            if (length < 0) yield break;
            byte[] line = Take(window, length);
            if (!Utf8.IsValid(line)) throw new BadInputException("the file is not UTF-8", place: $"{file.Path}:{number}", remedy: "Save it as UTF-8.");
            if (line.AsSpan().ContainsAnyExcept(" \t\r\v\f"u8)) yield return (number, line);
        }
    }

    /// <summary>The length of the window's first line; -1 where there is none.</summary>
    private static int FindEnd(Window window)
    {
        int searched = 0;
        while (true)
        {
            int end = window.Bytes[searched..].IndexOf((byte)'\n');
            if (end >= 0) return searched + end;
            searched = window.Bytes.Length;
            if (!window.More()) return searched > 0 ? searched : -1;
        }
    }

    private static byte[] Take(Window window, int length)
    {
        byte[] line = window.Bytes[..(length > 0 && window.Bytes[length - 1] == '\r' ? length - 1 : length)].ToArray();
        window.Advance(Math.Min(length + 1, window.Bytes.Length));
        return line;
    }
}

using System.Globalization;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Refuses text that is not UTF-8, or is no text, and names the byte.</summary>
internal static class Encodings
{
    /// <summary>What to do about it.</summary>
    public const string Remedy = "Save it as UTF-8 (such as iconv -f WINDOWS-1252 -t UTF-8).";
    /// <summary>The same where it is UTF-16.</summary>
    public const string FromUtf16 = "Save it as UTF-8 (iconv -f UTF-16 -t UTF-8).";

    /// <summary>Looks at a line or a field.</summary>
    /// <param name="text">Its bytes.</param>
    /// <param name="path">The file.</param>
    /// <param name="line">Its line.</param>
    public static void Check(ReadOnlySpan<byte> text, string path, long line)
    {
        int at = TextFile.WrongByte(text);
        if (at < 0) return;
        string got = string.Create(CultureInfo.InvariantCulture, $"the byte 0x{text[at]:X2} at column {at + 1}");
        throw text.Contains((byte)0) ? NoText(path, line) : new BadInputException("the file is not UTF-8", got, $"{path}:{line}",
            remedy: Remedy);
    }

    /// <summary>The same, and refuses NUL bytes, which JSON refuses by itself.</summary>
    public static void CheckText(ReadOnlySpan<byte> text, string path, long line)
    {
        Check(text, path, line);
        if (text.Contains((byte)0)) throw NoText(path, line);
    }

    private static BadInputException NoText(string path, long line)
        => new("the file holds NUL bytes", place: $"{path}:{line}", expected: "UTF-8 text",
            remedy: "Is it UTF-16, or was it cut off by a crash? Save it as UTF-8, or write it again.");
}

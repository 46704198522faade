using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace LowRank.Tensors;

/// <summary>Small text files that users give, read whole: UTF-8, a byte order mark aside, and nothing replaced.</summary>
public static class TextFile
{
    /// <summary>The file's text.</summary>
    /// <exception cref="BadInputException">It does not exist, cannot be read, or is not UTF-8; the first wrong byte's line is
    /// named.</exception>
    public static string Read(string path)
    {
        byte[] bytes;
        try
        {
            if (!File.Exists(path))
                throw new BadInputException(Directory.Exists(path) ? "a folder where a file was expected" : "the file does not exist",
                place: path);
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException("the file cannot be read: " + e.Message, place: path, inner: e);
        }
        RefuseOtherEncodings(bytes, path);
        return Encoding.UTF8.GetString(bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes);
    }

    private static void RefuseOtherEncodings(ReadOnlySpan<byte> bytes, string path)
    {
        const string Remedy = "Save it as UTF-8.";
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new BadInputException("the file is UTF-16", place: path, expected: "UTF-8", remedy: Remedy);
        int at = WrongByte(bytes);
        if (at >= 0) throw new BadInputException("the file is not UTF-8", $"the byte 0x{bytes[at]:X2}", $"{path}:{bytes[..at].Count((byte)'\n') + 1}",
            "UTF-8", Remedy);
    }

    /// <summary>The first byte that makes a text no UTF-8; -1 where it is.</summary>
    public static int WrongByte(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text)) return -1;
        int at = 0;
        while (Rune.DecodeFromUtf8(text[at..], out _, out int length) == OperationStatus.Done) at += length;
        return at;
    }
}

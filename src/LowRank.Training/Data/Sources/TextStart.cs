using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>How text files begin: with a byte order mark, or with the signs of what is no such file whatever its name says.</summary>
internal static class TextStart
{
    private static readonly (byte[] Sign, string Kind, string Remedy)[] Others =
    [
        ([0xFF, 0xFE], "UTF-16", Encodings.FromUtf16), ([0xFE, 0xFF], "UTF-16", Encodings.FromUtf16),
        ([.. "PAR1"u8], "a parquet file", "Give it the ending .parquet."), ([.. "ARROW1"u8], "an Arrow file", "Give it the ending .arrow."),
        ([0x1F, 0x8B], "compressed with gzip", "Give it another .gz behind its name."),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed with zstd", "Give it another .zst behind its name."),
        ([.. "PK\x03\x04"u8], "a zip file (or a spreadsheet)", "Unpack it, or save it as .csv."),
        ([.. "BZh"u8], "compressed with bzip2", "Decompress it."), ([0xFD, .. "7zXZ"u8], "compressed with xz", "Decompress it."),
        ([.. "SQLite format"u8], "a database", "Write its rows as .jsonl or .csv."),
    ];

    /// <summary>Opens a text file behind its byte order mark.</summary>
    /// <exception cref="BadInputException">It is something else, which is named.</exception>
    public static Window Open(DataFile file)
    {
        var window = new Window(file.Open(), file.Path);
        try
        {
            window.Peek(StandIn.Looked);
            StandIn.Refuse(file.Path, window.Bytes);
            foreach (var (sign, kind, remedy) in Others)
                if (window.Bytes.StartsWith(sign)) throw new BadInputException($"the file is {kind}, not {file.Ending}", place: file.Path,
                    remedy: remedy);
            if (window.Bytes.StartsWith("\uFEFF"u8)) window.Advance(3);
            return window;
        }
        catch
        {
            window.Dispose();
            throw;
        }
    }
}

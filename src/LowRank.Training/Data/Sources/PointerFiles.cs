using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What stands in place of a data file that was not fetched.</summary>
internal static class PointerFiles
{
    /// <summary>How such files begin, what they are, and what to do.</summary>
    public static readonly (byte[] Sign, string Kind, string Remedy)[] Signs =
    [
        ([.. "version https://git-lfs"u8], "a Git LFS pointer to the data", "Fetch the data: git lfs pull."),
        ([.. "<!DOCTYPE html"u8], "a web page", "Fetch the file itself."),
        ([.. "<!doctype html"u8], "a web page", "Fetch the file itself."), ([.. "<html"u8], "a web page", "Fetch the file itself."),
    ];

    private const int LongestSign = 32;

    /// <summary>Refuses them under the names of files that are not text; the stream stands at its beginning then.</summary>
    public static void Refuse(DataFile file, Stream stream)
    {
        Span<byte> start = stackalloc byte[LongestSign];
        start = start[..stream.ReadAtLeast(start, LongestSign, throwOnEndOfStream: false)];
        stream.Position = 0;
        foreach (var (sign, kind, remedy) in Signs)
            if (start.StartsWith(sign)) throw new BadInputException($"the file is {kind}, not {file.Ending}", place: file.Path,
                remedy: remedy);
    }
}

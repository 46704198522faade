using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>How every page that LowRank writes begins, so that it is known again.</summary>
public static class PageHead
{
    internal const string Text = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" content=\"LowRank\">"
        + "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">";

    /// <summary>Such a page, as an output.</summary>
    public static readonly OutputKind Page = OutputKind.File with { Name = "page of LowRank's", Fits = Begins };

    private static bool Begins(string path)
    {
        using var reader = new StreamReader(path);
        char[] start = new char[Text.Length];
        return reader.ReadBlock(start) == start.Length && start.AsSpan().SequenceEqual(Text);
    }
}

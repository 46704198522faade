using System.Text;

namespace LowRank.Tensors;

/// <summary>
/// Files that stand where another should, as unfinished downloads leave them: a git-lfs pointer, a web page, a server's answer in a few words.
/// </summary>
public static class StandIn
{
    /// <summary>How many of a file's first bytes tell.</summary>
    public const int Looked = 1024;

    /// <summary>What to do about one.</summary>
    public const string Again = "Download the file itself: with `git lfs pull` where the repository was cloned, else anew, "
        + "signed in where the model is not open to all.";

    /// <summary>Refuses a file that is not itself.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">What it begins with.</param>
    /// <param name="binary">Whether it should hold no text at all, so that a few words are no content.</param>
    /// <exception cref="BadInputException">It is one of these.</exception>
    public static void Refuse(string path, ReadOnlySpan<byte> content, bool binary = false)
    {
        if (Of(content, binary) is var (what, value)) throw new BadInputException(what, value, path, remedy: Again);
    }

    /// <summary>The same of a file that is open at its beginning, and stays so; what it begins with.</summary>
    public static byte[] Refuse(string path, Stream stream)
    {
        byte[] start = Start(stream);
        stream.Position = 0;
        Refuse(path, start);
        return start;
    }

    /// <summary>What stands here instead, and its words; null where it may be the file itself.</summary>
    public static (string What, string Value)? Of(ReadOnlySpan<byte> content, bool binary = false)
    {
        string text = Encoding.UTF8.GetString(content[..Math.Min(Looked, content.Length)]).TrimStart('\uFEFF').Trim();
        string shown = text.ReplaceLineEndings(" ");
        if (shown.Length > 80) shown = shown[..80] + "...";
        if (text.StartsWith("version https://git-lfs", StringComparison.Ordinal) || text.StartsWith("# xet version", StringComparison.Ordinal))
        {
            string? size = text.Split('\n').FirstOrDefault(l => l.StartsWith("size ", StringComparison.Ordinal))?[5..].Trim();
            return ("this is a git-lfs pointer, not the file itself", size is null ? shown : $"a pointer to {size} bytes");
        }
        if (IsPage(text)) return ("this is a web page, saved instead of the file", shown);
        return binary && content.Length is > 0 and < Looked && !text.Contains('\uFFFD') && text.Length > 0 && !text.Any(char.IsControl)
            ? ("this is a line of text, not the file itself", shown)
            : null;
    }

    // A text that begins with some mark and speaks of HTML later is no page.
    private static bool IsPage(string text)
        => Begins(text, "<!doctype html") || Begins(text, "<html")
            || ((Begins(text, "<?xml") || Begins(text, "<!--")) && text.Contains("<html", StringComparison.OrdinalIgnoreCase));

    private static bool Begins(string text, string mark) => text.StartsWith(mark, StringComparison.OrdinalIgnoreCase);

    /// <summary>The same of a file; null too where it cannot be read.</summary>
    public static (string What, string Value)? At(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Of(Start(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }

    private static byte[] Start(Stream stream)
    {
        var start = new byte[Looked];
        return start[..stream.ReadAtLeast(start, Looked, throwOnEndOfStream: false)];
    }
}

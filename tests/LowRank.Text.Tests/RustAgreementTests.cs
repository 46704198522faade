using System.Globalization;
using System.Text.Json;
using LowRank.TestKit;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>The same ids as the Rust library on generated texts. LOWRANK_AGREE is their number (1,000,000 is the long check).</summary>
public sealed class RustAgreementTests
{
    private const int Batch = 2000;

    [Theory]
    [InlineData("npm-llama3")]
    [InlineData("npm-qwen3")]
    [InlineData("npm-gemma3")]
    [InlineData("npm-gptoss")]
    public void Published_tokenizers(string name)
    {
        if (RustLibrary.Missing is { } missing) Assert.Skip(missing);
        if (NpmPackages.Tokenizer(name) is not { } file) { Assert.Skip("run tests/npm/fetch.sh"); return; }
        Compare(file, Count(20_000));
    }

    [Theory]
    [InlineData("t5-unigram")]
    [InlineData("unigram-byte-fallback")]
    [InlineData("llama2")]
    [InlineData("gemma")]
    [InlineData("deepseek-v3")]
    [InlineData("o200k")]
    [InlineData("kimi")]
    [InlineData("bert-clean-lower-cjk-accentsNone")]
    [InlineData("clip-suffix")]
    [InlineData("norm-precompiled")]
    [InlineData("norm-bert-all")]
    [InlineData("pre-unicodescripts")]
    [InlineData("pre-punctuation-default")]
    [InlineData("roberta-trim1-prefix1")]
    [InlineData("bloom")]
    [InlineData("starcoder")]
    public void Small_tokenizers(string name)
    {
        if (RustLibrary.Missing is { } missing) Assert.Skip(missing);
        Compare(Path.Combine(Paths.Golden("tokenizers/" + name), "tokenizer.json"), Count(10_000));
    }

    private static int Count(int usual) => int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_AGREE"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : usual;

    private static void Compare(string file, int count)
    {
        var tokenizer = Tokenizer.FromFile(file);
        using var library = new RustLibrary(file);
        var texts = new GeneratedText(1, Vocabulary(file));
        List<string> differences = [];
        for (int from = 0; from < count; from += Batch)
        {
            string[] some = [.. Enumerable.Range(from, Math.Min(Batch, count - from)).Select(i => texts[i])];
            var theirs = library.Encode(some);
            int[][] ours = [.. some.Select(t => tokenizer.Encode(t))];
            for (int i = 0; i < some.Length && differences.Count < 20; i++)
                if (!ours[i].AsSpan().SequenceEqual(theirs[i]))
                    differences.Add($"{JsonSerializer.Serialize(some[i])}\n  ours   {string.Join(' ', ours[i])}\n  theirs {string.Join(' ', theirs[i])}");
        }
        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    // What the vocabulary itself holds: its tokens are texts in which merging goes wrong first.
    private static string[] Vocabulary(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        var vocab = json.RootElement.GetProperty("model").GetProperty("vocab");
        var tokens = vocab.ValueKind == JsonValueKind.Object ? vocab.EnumerateObject().Select(p => p.Name) : vocab.EnumerateArray().Select(e => e[0].GetString()!);
        return [.. tokens.Select(t => t.Replace('\u0120', ' ').Replace('\u010A', '\n').Replace('\u2581', ' ')).Where(t => t.Length > 0)];
    }
}

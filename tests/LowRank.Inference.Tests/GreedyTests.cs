using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Inference.Tests;

public class GreedyTests
{
    public static TheoryData<string> Models => [.. Directory.EnumerateDirectories(Paths.Golden("models")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    /// <summary>Among them a dynamic rope that goes beyond its trained length and a longrope that crosses it.</summary>
    [Theory, MemberData(nameof(Models))]
    public void Greedy_tokens_are_the_references(string name)
    {
        using var expected = SafetensorsFile.Open(Path.Combine(Paths.Golden("models/" + name), "expected.safetensors"));
        int[] prompt = [.. expected.Get("prompt").data<long>().Select(i => (int)i)], all = [.. expected.Get("greedy").data<long>().Select(i => (int)i)];
        using var model = Tiny.Load(name);
        var result = new Generator(model, null).Generate([new(prompt)], Tiny.Greedy(all.Length - prompt.Length)).Single();
        Assert.Equal(all[prompt.Length..], result.Ids);
        Assert.Equal(("length", prompt.Length, null), (result.FinishReason, result.PromptTokens, result.Text));
    }

    [Theory]
    [InlineData("llama", 4)]
    [InlineData("mistral", 4)]       // a sliding window of 8
    [InlineData("gemma2", 4)]        // windows in turn, soft caps
    [InlineData("gemma3", 3)]
    [InlineData("gpt2", 4)]          // learned positions
    [InlineData("gpt-neox", 2)]
    [InlineData("qwen3-moe", 4)]
    [InlineData("llama-dynamic", 4)] // frequencies that depend on the length
    [InlineData("phi3-longrope", 5)]
    public void A_batch_of_different_lengths_is_each_alone(string name, int batchSize)
    {
        using var model = Tiny.Load(name);
        var generator = new Generator(model, null);
        int[] lengths = name switch { "llama-dynamic" => [3, 9, 12, 9, 15], "phi3-longrope" => [10, 36, 10, 12, 40], _ => [3, 9, 17, 12, 30] };
        var prompts = Tiny.Prompts(5, lengths);
        int[][] alone = [.. prompts.Select(p => generator.Generate([p], Tiny.Greedy(16)).Single().Ids.ToArray())];
        Assert.Equal(alone, generator.Generate(prompts, Tiny.Greedy(16) with { BatchSize = batchSize }).Ids());
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gemma3")]
    public void Rows_that_end_early_do_not_change_the_others(string name)
    {
        using var model = Tiny.Load(name);
        var generator = new Generator(model, null);
        var prompts = Tiny.Prompts(6, 20, 5, 11, 2);
        var free = generator.Generate(prompts, Tiny.Greedy(14)).Ids();
        var options = Tiny.Greedy(14) with { EndIds = [free[0][4], free[2][9]] }; // the longest prompt ends first
        int[] lengths = [.. free.Select(ids => Array.FindIndex(ids, options.EndIds.Contains) is >= 0 and var at ? at + 1 : ids.Length)];
        Assert.True(lengths[0] <= 5 && lengths.Distinct().Count() > 1);
        var results = generator.Generate(prompts, options);
        Assert.Equal([.. free.Select((ids, i) => ids[..lengths[i]])], results.Ids());
        Assert.All(results, r => Assert.Equal(options.EndIds.Contains(r.Ids[^1]) ? "stop" : "length", r.FinishReason));
    }

    [Fact]
    public void Generation_ends_at_the_models_last_position()
    {
        using var model = Tiny.Load("gpt2");
        var result = new Generator(model, null).Generate(Tiny.Prompts(7, 250), Tiny.Greedy(50)).Single();
        Assert.Equal((6, "length"), (result.Ids.Count, result.FinishReason));
    }

    [Fact]
    public void A_cancelled_generation_keeps_what_was_made()
    {
        using var model = Tiny.Load("llama");
        using var stop = new CancellationTokenSource();
        int pieces = 0;
        var tokenizer = LowRank.Text.Tokenizer.FromFile(TokenizerFile());
        var results = new Generator(model, tokenizer).Generate(Tiny.Prompts(8, 12, 3), Tiny.Greedy(100) with { BatchSize = 1 }, (_, _) => { if (++pieces == 3) stop.Cancel(); }, stop.Token);
        Assert.InRange(results[0].Ids.Count, 3, 99);
        Assert.Equal(("cancelled", "cancelled", 0), (results[0].FinishReason, results[1].FinishReason, results[1].Ids.Count));
        Assert.Equal((0.0, 0.0), (results[1].PrefillSeconds, results[1].DecodeSeconds));
    }

    [Fact]
    public void Streamed_pieces_joined_are_the_texts()
    {
        using var model = Tiny.Load("llama");
        var tokenizer = LowRank.Text.Tokenizer.FromFile(TokenizerFile());
        string[] streamed = ["", "", ""];
        var results = new Generator(model, tokenizer).Generate(Tiny.Prompts(9, 4, 12, 7), Tiny.Greedy(40), (i, piece) => streamed[i] += piece);
        Assert.Equal(results.Select(r => r.Text), streamed);
        Assert.Equal(results.Select(r => tokenizer.Decode(r.Ids, skipSpecialTokens: true)), streamed);
        Assert.All(streamed, s => Assert.NotEmpty(s));
    }

    internal static string TokenizerFile()
    {
        string path = Path.Combine(Paths.Temporary(), "tokenizer.json");
        File.WriteAllText(path, ByteTokenizer.Json);
        return path;
    }
}

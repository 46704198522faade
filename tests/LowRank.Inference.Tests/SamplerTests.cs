namespace LowRank.Inference.Tests;

/// <summary>The sampler against probabilities worked out by hand.</summary>
public class SamplerTests
{
    private const int Draws = 20_000;
    private static readonly double[] Probabilities = [0.1, 0.5, 0.15, 0.25]; // of ids 0 to 3

    private static float[] Logits => [.. Probabilities.Select(p => (float)Math.Log(p) + 3)];

    private static void Check(GenerationOptions options, params double[] expected)
    {
        var sampler = new Sampler(options with { Seed = 12 }, 0);
        int[] counts = new int[expected.Length];
        for (int step = 0; step < Draws; step++) counts[sampler.Next(Logits, [], step)]++;
        for (int i = 0; i < expected.Length; i++)
            if (expected[i] == 0) Assert.Equal(0, counts[i]);
            else Assert.Equal(expected[i], counts[i] / (double)Draws, 0.012); // over three standard deviations
    }

    [Fact]
    public void Plain_sampling_follows_the_softmax() => Check(new(), Probabilities);

    [Fact]
    public void Temperature_is_a_power_of_the_probabilities()
    {
        double sum = Probabilities.Sum(Math.Sqrt);
        Check(new() { Temperature = 2 }, [.. Probabilities.Select(p => Math.Sqrt(p) / sum)]);
    }

    [Fact]
    public void Top_k_keeps_the_k_likeliest() => Check(new() { TopK = 2 }, 0, 2 / 3.0, 0, 1 / 3.0);

    [Fact]
    public void A_top_k_beyond_the_vocabulary_keeps_all() => Check(new() { TopK = 9 }, Probabilities);

    [Fact]
    public void Top_p_keeps_the_smallest_set_that_reaches_p() // 0.5 < 0.7 <= 0.75
        => Check(new() { TopP = 0.7 }, 0, 2 / 3.0, 0, 1 / 3.0);

    [Fact]
    public void Top_p_keeps_at_least_one() => Check(new() { TopP = 1e-9 }, 0, 1, 0, 0);

    [Fact]
    public void Min_p_keeps_what_is_likely_enough_beside_the_likeliest() // at least 0.25 * 0.5
        => Check(new() { MinP = 0.25 }, 0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9);

    [Fact]
    public void They_follow_one_another() // temperature 0.5: squares; top-k 3: 0.25, 0.0625, 0.0225 of 0.335; top-p 0.8 keeps two (0.746, 0.933)
        => Check(new() { Temperature = 0.5, TopK = 3, TopP = 0.8 }, 0, 0.8, 0, 0.2);

    [Fact]
    public void The_repetition_penalty_divides_positive_and_multiplies_negative_logits_once()
    {
        float[] logits = [2, -1, 3, -4];
        int id = new Sampler(new() { Greedy = true, RepetitionPenalty = 2 }, 0).Next(logits, [2, 1, 2, 2], 0);
        Assert.Equal([2, -2, 1.5f, -4], logits);
        Assert.Equal(0, id);
    }

    [Fact]
    public void Top_k_1_is_greedy_also_between_equals()
    {
        var random = new Random(3);
        var one = new Sampler(new() { TopK = 1, Temperature = 1.7 }, 0);
        var greedy = new Sampler(new() { Greedy = true }, 0);
        for (int i = 0; i < 200; i++)
        {
            float[] logits = [.. Enumerable.Range(0, 300).Select(_ => (float)random.Next(-5, 6))];
            Assert.Equal(greedy.Next([.. logits], [], i), one.Next([.. logits], [], i));
        }
    }

    [Fact]
    public void Temperature_0_is_greedy() => Assert.Equal(1, new Sampler(new() { Temperature = 0 }, 0).Next(Logits, [], 0));

    [Fact]
    public void NaN_is_an_error() => Assert.Contains("NaN", Assert.Throws<NoNumberException>(() => new Sampler(new(), 0).Next(new float[] { 1, float.NaN }, [], 0)).Message);

    [Fact]
    public void A_seed_repeats_itself_and_batching_does_not_matter()
    {
        using var model = Tiny.Load("llama");
        var generator = new Generator(model, null);
        var prompts = Tiny.Prompts(21, 8, 3, 8, 14);
        var options = new GenerationOptions { MaxNewTokens = 20, Temperature = 1.3, TopP = 0.95, Seed = 4 };
        var first = generator.Generate(prompts, options).Ids();
        Assert.Equal(first, generator.Generate(prompts, options).Ids());
        Assert.Equal(first, generator.Generate(prompts, options with { BatchSize = 1 }).Ids());
        Assert.Equal(first, generator.Generate(prompts, options with { BatchSize = 3 }).Ids());
        Assert.Equal(first[..2], generator.Generate(prompts[..2], options).Ids());
        Assert.NotEqual(first, generator.Generate(prompts, options with { Seed = 5 }).Ids());
        var twins = generator.Generate([prompts[0], prompts[0]], options).Ids();
        Assert.NotEqual(twins[0], twins[1]); // each row draws its own numbers
        Assert.Equal(generator.Generate(prompts, Tiny.Greedy(20)).Ids(), generator.Generate(prompts, options with { TopK = 1 }).Ids());
    }
}

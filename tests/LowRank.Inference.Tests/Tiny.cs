using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Inference.Tests;

/// <summary>Tiny models and random prompts for them.</summary>
internal static class Tiny
{
    public static CausalLM Load(string name)
    {
        var model = ModelLoader.Load(Paths.Golden("models/" + name));
        model.eval();
        return model;
    }

    /// <summary>Prompts of these lengths, the same for the same seed.</summary>
    public static GenerationRequest[] Prompts(int seed, params int[] lengths)
    {
        var random = new Random(seed);
        return [.. lengths.Select(n => new GenerationRequest([.. Enumerable.Range(0, n).Select(_ => random.Next(3, 256))]))];
    }

    public static GenerationOptions Greedy(int tokens) => new() { Greedy = true, MaxNewTokens = tokens };

    /// <summary>An adapter that changes the answers: both factors random.</summary>
    public static void AddRandom(AdapterHost host, string name, ulong seed, string model)
        => host.Add(name, new LoraConfig { Rank = 4, Alpha = 24, Initialisation = LoraInitialisation.None, TargetModules = Selector.AllLinear }, seed, model);

    public static int[][] Ids(this IEnumerable<GenerationResult> results) => [.. results.Select(r => r.Ids.ToArray())];
}

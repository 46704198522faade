using System.Globalization;
using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The adapter of a run: read from init_adapter or made as the section `adapter` says, its size looked at before any of it
/// is.</summary>
public static class RunAdapter
{
    private const int WeightAndGradient = 2 * sizeof(float);

    /// <summary>Puts the adapter on the model.</summary>
    /// <param name="host">The model's.</param>
    /// <param name="model">The base.</param>
    /// <param name="settings">The run's, with an adapter.</param>
    /// <param name="change">What is changed of the configuration of a new adapter; null: nothing.</param>
    /// <param name="trained">Whether it is to be trained, not only planned: this machine must then hold gradients and the optimiser's state
    /// too.</param>
    /// <exception cref="BadInputException">The configuration cannot be used on this model or this machine.</exception>
    public static Adapter Make(AdapterHost host, CausalLM model, RunSettings settings, Func<LoraConfig, LoraConfig>? change = null,
        bool trained = true)
    {
        const string Name = "default";
        if (settings.InitAdapter is not null) return host.Load(Name, settings.InitAdapter);
        var config = settings.NewAdapter()!;
        if (change is not null) config = change(config);
        Check(host, model, settings, config, trained);
        var adapter = host.Add(Name, config, (ulong)settings.Seed, model.Spec.ModelType);
        if (config.Bias == BiasTraining.None || adapter.Parameters.Any(p => p.Role == ParameterRole.Bias)) return adapter;
        host.Delete(Name);
        throw new BadInputException("there is no bias to train", config.Bias == BiasTraining.All ? "all" : "lora_only", "adapter: bias",
            config.Bias == BiasTraining.All ? "a model with biases" : "targeted layers with biases", "Use bias: none.");
    }

    /// <summary>Method, rank, alpha and targets in a few words.</summary>
    public static string Describe(Adapter adapter)
    {
        var config = adapter.Config;
        int[] ranks = [.. adapter.Modules.Select(m => m.Rank).Distinct().Order()];
        string[] ends = [.. adapter.Modules.Select(m => m.Module[(m.Module.LastIndexOf('.') + 1)..]).Distinct()];
        string more = (config.AlphaPattern.Count > 0 ? " and others" : "") + (config.UseRsLora ? ", rank-stabilised" : "");
        return Text($"{(config.UseDora ? "DoRA" : "LoRA")} adapter (r {string.Join("/", ranks)}, alpha {config.Alpha}{more}) ")
            + Text($"on {adapter.Modules.Count} layers ({string.Join(", ", ends)})");
    }

    private static void Check(AdapterHost host, CausalLM model, RunSettings settings, LoraConfig config, bool trained)
    {
        var size = host.Measure(config, model.Spec.ModelType);
        if (size.Useless is { } rank)
            throw new BadInputException("the rank is beyond what a change of any targeted layer can have", Text(rank),
                config.Rank == rank ? "adapter: r" : "adapter: rank_pattern", $"at most {size.Most}",
                "Lower it: a higher one costs memory and adds nothing.");
        double bytes = size.Numbers * (WeightAndGradient + Planner.OptimizerBytesOfNumber(settings)),
            there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (trained && bytes > there)
            throw new BadInputException("training the adapter alone takes more than this machine's memory", Text(config.Rank),
                "adapter: r", $"less than {ByteSize.Show(there)}; it takes {ByteSize.Show(bytes)}", "Lower r, or target fewer layers.");
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

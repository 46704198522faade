using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Finds the layers that a configuration means, by PEFT's rules.</summary>
internal static class Targets
{
    /// <summary>The targeted layers, in the model's order, and the configuration with its targets and fan_in_fan_out as they were understood.</summary>
    /// <param name="modules">The model's modules by path.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="modelType">The `model_type` of config.json, for the usual targets; null: unknown.</param>
    /// <param name="strict">Whether each name and number given must mean something (<see cref="UnusedTargets"/>), as for a new adapter; PEFT lets them be, and so must the folders it wrote.</param>
    /// <exception cref="BadInputException">Nothing matches, or something that matches cannot be adapted.</exception>
    public static (List<BaseLayer> Layers, LoraConfig Config) Resolve(IReadOnlyList<(string Name, nn.Module Module)> modules, LoraConfig config, string? modelType, bool strict)
    {
        var given = config;
        config = config with { TargetModules = config.TargetModules ?? DefaultTargets.Of(modelType) };
        List<BaseLayer> layers = [];
        List<BadInputException> errors = [];
        foreach (var (name, module) in modules)
        {
            if (!IsTarget(name, module, config)) continue;
            if (LayerKinds.Of(name, module) is { } layer) layers.Add(layer);
            else errors.Add(Unsupported(name, module));
        }
        if (errors.Count > 0) throw BadInputException.All("targets that cannot be adapted", errors);
        if (layers.Count == 0) throw NothingMatches(modules, config);
        if (strict) UnusedTargets.Check(modules, given, layers);
        if (config.TargetModules!.IsAllLinear) config = config with { TargetModules = AsNames(modules, config, layers) };
        return (layers, config with { FanInFanOut = FanInFanOut(layers, config) });
    }

    private static bool IsTarget(string name, nn.Module module, LoraConfig config)
    {
        if (config.ExcludeModules?.IsAllLinear == false && config.ExcludeModules.Matches(name)) return false;
        if (config.TargetModules!.IsAllLinear) return LayerKinds.Of(name, module) is { IsLinear: true, IsOutputEmbedding: false };
        if (!config.TargetModules.Matches(name)) return false;
        if (config.LayersToTransform is null || config.TargetModules.Names!.Contains(name)) return true; // a whole path needs no number
        return LayerNumber(name, config.LayersPattern) is { } number && config.LayersToTransform.Contains(number);
    }

    // The first number in the path that stands behind a name, or behind one of the patterns: lazily, so that the numbers of experts deeper in are not taken.
    internal static int? LayerNumber(string name, IReadOnlyList<string>? patterns)
    {
        foreach (string pattern in patterns ?? ["[^.]*"])
            if (PythonRegex.LayerNumber(pattern).Match(name) is { Success: true } match && int.TryParse(match.Groups["layer"].Value, out int number)) return number;
        return null;
    }

    // PEFT writes the last parts of the names; where those would mean other modules too, the whole paths are written.
    private static Selector AsNames(IReadOnlyList<(string Name, nn.Module Module)> modules, LoraConfig config, List<BaseLayer> layers)
    {
        string[] ends = [.. layers.Select(l => l.Name[(l.Name.LastIndexOf('.') + 1)..]).Distinct()];
        var byEnds = config with { TargetModules = ends };
        bool same = modules.Where(m => IsTarget(m.Name, m.Module, byEnds)).Select(m => m.Name).SequenceEqual(layers.Select(l => l.Name));
        return same ? ends : layers.Select(l => l.Name).ToArray();
    }

    private static bool FanInFanOut(List<BaseLayer> layers, LoraConfig config)
    {
        var linear = layers.Where(l => l.IsLinear).ToList();
        return linear.Count > 0 ? linear.All(l => l.Transposed) : config.FanInFanOut;
    }

    private static BadInputException Unsupported(string name, nn.Module module)
        => module is TorchSharp.Modules.MultiheadAttention
            ? new("MultiheadAttention cannot be adapted: its projections are computed inside one native call that no adapter can reach", name, "target_modules", remedy: "Write the attention with four Linear layers, or exclude it.")
            : new($"a target of type {module.GetName()} cannot be adapted", name, "target_modules", LayerKinds.Known, "Name the layers inside it, or exclude it with exclude_modules.");

    private static BadInputException NothingMatches(IReadOnlyList<(string Name, nn.Module Module)> modules, LoraConfig config)
    {
        var anywhere = config with { LayersToTransform = null };
        List<int> blocks = config.LayersToTransform is null ? [] : [.. modules.Where(m => IsTarget(m.Name, m.Module, anywhere))
            .Select(m => LayerNumber(m.Name, config.LayersPattern)).OfType<int>().Distinct().Order()];
        if (blocks.Count > 0)
            return new("no targeted layer is in these blocks", string.Join(", ", config.LayersToTransform!), "layers_to_transform",
                $"of the blocks with targets, {UnusedTargets.Some(blocks)}");
        var names = modules.Where(m => LayerKinds.Of(m.Name, m.Module) is not null).Select(m => m.Name).ToList();
        var ends = names.Select(n => n[(n.LastIndexOf('.') + 1)..]).Distinct().ToList();
        string? near = config.TargetModules!.Pattern is { } text ? AsList(text, ends, "target_modules")
            : config.TargetModules.Names!.Except(ends).Select(w => NearNames.Sentence(w, ends)).FirstOrDefault(s => s is not null);
        string some = names.Count == 0 ? "the model has no layer that can be adapted" : "layers such as " + NameList.Of(names);
        string limits = (config.LayersToTransform is null ? "" : $" in the blocks {string.Join(", ", config.LayersToTransform)}")
            + (config.LayersPattern is null ? "" : $" behind the layers_pattern {string.Join(", ", config.LayersPattern)}")
            + (config.ExcludeModules is null ? "" : $" beside the excluded {config.ExcludeModules}");
        return new($"the targets match no layer of the model{limits}", config.TargetModules.ToString(), "target_modules", some, ((near is null ? "" : near + " ") + "Or use all-linear.").Trim());
    }

    /// <summary>What helps where names were given as one text, which is a pattern for whole paths; null: they are none.</summary>
    internal static string? AsList(string text, IEnumerable<string> names, string key)
    {
        string[] words = text.Split(',', StringSplitOptions.TrimEntries);
        if (words.Except(names).Any()) return null;
        return $"A text is a pattern for whole paths; as names: {key}: [{string.Join(", ", words)}].";
    }
}

using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Names, patterns and numbers of a configuration that mean nothing in the model: misspelt ones would else change what is trained
/// without a word.</summary>
internal static class UnusedTargets
{
    /// <summary>Refuses them, all at once.</summary>
    /// <param name="modules">The model's modules by path.</param>
    /// <param name="config">The configuration as it was given.</param>
    /// <param name="layers">The layers that it targets.</param>
    public static void Check(IReadOnlyList<(string Name, nn.Module Module)> modules, LoraConfig config, IReadOnlyList<BaseLayer> layers)
    {
        List<BadInputException> errors = [.. Names(config.TargetModules, "target_modules"),
            .. Names(config.ExcludeModules, "exclude_modules"), .. Blocks(), .. Patterns("rank_pattern", config.RankPattern),
            .. Patterns("alpha_pattern", config.AlphaPattern)];
        if (errors.Count > 0) throw BadInputException.All("the adapter's settings name what the model does not have", errors);

        IEnumerable<BadInputException> Names(Selector? selector, string key)
        {
            if (selector is null || selector.IsAllLinear) return [];
            if (selector.Names is null) return modules.Any(m => selector.Matches(m.Name)) ? [] : [Nothing(selector.Pattern!, key)];
            return selector.Names.Where(n => !modules.Any(m => Selector.Of(n).Matches(m.Name))).Select(n => Nothing(n, key));
        }

        IEnumerable<BadInputException> Blocks()
        {
            var blocks = config.LayersToTransform is null ? []
                : layers.Select(l => Targets.LayerNumber(l.Name, config.LayersPattern)).OfType<int>().ToHashSet();
            foreach (int block in config.LayersToTransform ?? [])
                if (!blocks.Contains(block))
                    yield return new("no targeted layer is in this block", $"{block}", "layers_to_transform",
                        $"of the blocks with targets, {Some([.. blocks.Order()])}");
            foreach (string pattern in config.LayersPattern ?? [])
                if (!layers.Any(l => Targets.LayerNumber(l.Name, [pattern]) is not null))
                    yield return new("no targeted layer stands behind this name and a number", pattern, "layers_pattern",
                        remedy: "Leave it out: the name is found.");
        }

        IEnumerable<BadInputException> Patterns<T>(string key, IReadOnlyList<KeyValuePair<string, T>> patterns)
        {
            for (int i = 0; i < patterns.Count; i++)
            {
                var matched = layers.Where(l => PythonRegex.Suffix(patterns[i].Key).IsMatch(l.Name)).ToList();
                if (matched.Count == 0)
                    yield return new("no targeted layer has this name", patterns[i].Key, key, remedy: Remedy(patterns[i].Key, layers.Select(l => l.Name)));
                else if (matched.All(l => patterns.Take(i).Any(p => PythonRegex.Suffix(p.Key).IsMatch(l.Name))))
                    yield return new("an earlier key has all layers of this one", patterns[i].Key, key,
                        remedy: "Put the longer name first: the first key that matches a layer counts.");
            }
        }

        BadInputException Nothing(string name, string key) => new("no module of the model has this name", name, key,
            remedy: Targets.AsList(name, Ends(modules.Select(m => m.Name)), key) ?? Remedy(name, modules.Select(m => m.Name)));
    }

    /// <summary>Numbers of blocks, in order, in words.</summary>
    internal static string Some(IReadOnlyList<int> blocks)
        => blocks.Count <= 5 ? string.Join(", ", blocks) : blocks[^1] - blocks[0] == blocks.Count - 1 ? $"{blocks[0]} to {blocks[^1]}"
            : string.Join(", ", blocks.Take(5)) + ", ...";

    /// <summary>The names that may have been meant, or, where none is near, what there is.</summary>
    internal static string Remedy(string name, IEnumerable<string> paths)
        => NearNames.Sentence(name, Ends(paths)) ?? $"Leave it out, or name what there is: {NameList.Of([.. Ends(paths)])}.";

    // The last words of paths; numbers name nothing.
    private static IEnumerable<string> Ends(IEnumerable<string> paths)
        => paths.Select(p => p[(p.LastIndexOf('.') + 1)..]).Where(n => n.Any(char.IsLetter)).Distinct();
}

using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What `init_adapter` does to the section `adapter`: the folder's own configuration holds, so a key that says something else
/// would be ignored and is refused.</summary>
internal static class InitialAdapter
{
    private const string Key = "init_adapter", SectionKey = "adapter", ConfigName = "adapter_config.json";

    /// <summary>The configuration of the folder, for the run's record; null where there is no initial adapter or it cannot be
    /// read.</summary>
    /// <param name="settings">The settings, bound.</param>
    /// <param name="tree">What was given.</param>
    /// <param name="errors">Where mistakes go.</param>
    public static JsonObject? Section(RunSettings settings, JsonObject tree, List<BadInputException> errors)
    {
        if (settings.InitAdapter is not { } folder || !Directory.Exists(folder)) return null; // its absence is told by the rules
        JsonObject own;
        try { own = LoraConfig.FromFile(Path.Combine(folder, ConfigName)).ToJson(); }
        catch (BadInputException e)
        {
            errors.AddRange(e.Parts);
            return null;
        }
        if (!tree.TryGetPropertyValue(SectionKey, out var given)) return own;
        if (given is null)
            errors.Add(new("all weights cannot be trained from an adapter", "null", SectionKey,
                remedy: $"Leave out {SectionKey} or {Key}."));
        foreach (var (key, value) in given as JsonObject ?? [])
            if (Refusal(own, key, value, folder) is { } error) errors.Add(error);
        return own;
    }

    private static BadInputException? Refusal(JsonObject own, string key, JsonNode? value, string folder)
    {
        if (!own.ContainsKey(key)) return new("there is no such setting", key, SectionKey, remedy: AdapterSection.Hint(key));
        var changed = (JsonObject)own.DeepClone();
        changed[key] = value?.DeepClone();
        try
        {
            // Written the same way: 8.0 is 8, and a text stands for a list of one.
            if (JsonNode.DeepEquals(LoraConfig.FromJson(changed).ToJson()[key], own[key])) return null;
        }
        catch (BadInputException e) { return e.Parts[0]; }
        return new("the adapter to start from has its own", Text(value), $"{SectionKey}: {key}", $"{Text(own[key])}, which {folder} has",
            $"Leave it out, or train a new adapter without {Key}.");
    }

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "null";
}

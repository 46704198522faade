namespace LowRank.Models;

/// <summary>Which layers have a sliding window: `layer_types` where the file has it, else the family's own rule.</summary>
internal static class LayerReader
{
    /// <summary>True for each sliding layer.</summary>
    /// <param name="c">The config.</param>
    /// <param name="count">Layers.</param>
    /// <param name="rule">The family's rule by layer number, from 0.</param>
    /// <param name="off">Whether the file switches windows off, so that no layer may have one.</param>
    public static bool[] Sliding(ConfigReader c, int count, Func<int, bool> rule, bool off = false)
    {
        string[]? types = c.Texts("layer_types");
        if (types is null) return [.. Enumerable.Range(0, count).Select(rule)];
        if (types.Length != count) c.Wrong("layer_types", $"{types.Length} entries", $"{count}, one a layer");
        foreach (string type in types.Distinct())
            if (type is not ("sliding_attention" or "full_attention")) c.Wrong("layer_types", type, "sliding_attention or full_attention");
        if (off && types.Contains("sliding_attention")) c.Contradiction("layer_types", "sliding_attention", "'use_sliding_window'", "false");
        return [.. Enumerable.Range(0, count).Select(i => i < types.Length && types[i] == "sliding_attention")];
    }

    /// <summary>`sliding_window`; the family's default where the key is absent, null (no window) where it is null.</summary>
    public static int? Window(ConfigReader c, int? absent)
        => c.Has("sliding_window") ? c.Count("sliding_window", 1) : c.Contains("sliding_window") ? null : absent;
}

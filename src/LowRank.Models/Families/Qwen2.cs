namespace LowRank.Models;

/// <summary>Qwen 2 and 2.5: llama with biases on query, key and value, and windows in the upper layers where switched on.</summary>
internal static class Qwen2
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 151936, Hidden = 4096, Inner = 22016, Layers = 32, Heads = 32, KeyHeads = 32, MaxPositions = 32768,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "qwen2");
        return Windowed(c, spec) with
        {
            Attention = spec.Attention with { QkvBias = true },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }

    /// <summary>The windows of Qwen's families: off unless use_sliding_window, then from layer max_window_layers on.</summary>
    internal static DecoderSpec Windowed(ConfigReader c, DecoderSpec spec)
    {
        bool on = c.Flag("use_sliding_window", false);
        int? window = LayerReader.Window(c, 4096);
        int from = c.Int("max_window_layers", 28);
        bool[] sliding = LayerReader.Sliding(c, spec.Layers.Count, i => i >= from, off: !on);
        return on ? spec with { Layers = [.. spec.Layers.Select((l, i) => l with { Window = sliding[i] ? window : null })] } : spec;
    }
}

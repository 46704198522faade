namespace LowRank.Models;

/// <summary>SmolLM 3: llama where every fourth layer has no rotation.</summary>
internal static class SmolLM3
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 128256, Hidden = 2048, Inner = 11008, Layers = 36, Heads = 16, KeyHeads = 4, MaxPositions = 32768, Theta = 2e6, Tied = true,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "smollm3");
        int count = spec.Layers.Count, interval = c.Count("no_rope_layer_interval", 4);
        double[] rotated = c.Numbers("no_rope_layers") is { Length: > 0 } given ? given : [.. Enumerable.Range(1, count).Select(i => i % interval == 0 ? 0.0 : 1)];
        if (rotated.Length != count) c.Wrong("no_rope_layers", $"{rotated.Length} entries", $"{count}, one a layer (1: rotated)");
        bool Rotated(int i) => i >= rotated.Length || rotated[i] != 0;
        bool windows = c.Flag("use_sliding_window", false);
        int? window = LayerReader.Window(c, null);
        c.Has("max_window_layers");
        bool[] sliding = LayerReader.Sliding(c, count, i => windows && window is not null && !Rotated(i), off: !windows);
        bool bias = c.Flag("attention_bias", false);
        return spec with
        {
            Layers = [.. spec.Layers.Select((l, i) => l with { Rope = Rotated(i) ? 0 : null, Window = windows && sliding[i] ? window : null })],
            Attention = spec.Attention with { QkvBias = bias, OutputBias = bias },
            FeedForward = spec.FeedForward with { Bias = c.Flag("mlp_bias", false) },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }
}

namespace LowRank.Models;

/// <summary>Qwen 3: a norm on each head of queries and keys, optional biases.</summary>
internal static class Qwen3
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 151936, Hidden = 4096, Inner = 22016, Layers = 32, Heads = 32, KeyHeads = 32, HeadSize = 128, MaxPositions = 32768,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "qwen3");
        bool bias = c.Flag("attention_bias", false);
        return Qwen2.Windowed(c, spec) with
        {
            Attention = spec.Attention with { QkNorm = QkNorm.PerHead, QkvBias = bias, OutputBias = bias },
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }
}

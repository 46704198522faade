namespace LowRank.Models;

/// <summary>Qwen 3 MoE: Qwen 3 with experts in every decoder_sparse_step-th layer that mlp_only_layers does not name.</summary>
internal static class Qwen3Moe
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 151936, Hidden = 2048, Inner = 6144, Layers = 24, Heads = 32, KeyHeads = 4, MaxPositions = 32768,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "qwen3_moe");
        bool bias = c.Flag("attention_bias", false);
        int experts = c.Experts(c.OneOf("num_experts", "num_local_experts"), 128);
        int perToken = c.Count("num_experts_per_tok", 8), step = c.Count("decoder_sparse_step", 1);
        if (perToken > experts) c.Wrong("num_experts_per_tok", $"{perToken}", $"at most the {experts} experts");
        double[] dense = c.Numbers("mlp_only_layers") ?? [];
        bool on = c.Flag("use_sliding_window", false);
        int? window = LayerReader.Window(c, 4096);
        c.Has("max_window_layers"); // read by the file format, without effect in this family
        return spec with
        {
            Layers = [.. spec.Layers.Select((l, i) => l with { Window = on ? window : null, HasExperts = !dense.Contains(i) && (i + 1) % step == 0 })],
            Attention = spec.Attention with { QkNorm = QkNorm.PerHead, QkvBias = bias, OutputBias = bias },
            Experts = new(experts, perToken, c.Flag("norm_topk_prob", false), spec.FeedForward with { Size = c.Size("moe_intermediate_size", 768) }),
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
        };
    }
}

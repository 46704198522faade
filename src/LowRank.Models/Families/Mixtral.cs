namespace LowRank.Models;

/// <summary>Mixtral: mistral with experts in every layer, under the names w1 (gate), w3 (up) and w2 (down).</summary>
internal static class Mixtral
{
    private static readonly DecoderDefaults Defaults = new()
    {
        Vocabulary = 32000, Hidden = 4096, Inner = 14336, Layers = 32, Heads = 32, KeyHeads = 8, MaxPositions = 4096 * 32, Epsilon = 1e-5, Theta = 1e6,
    };

    public static DecoderSpec Read(ConfigReader c)
    {
        var spec = Defaults.Read(c, "mixtral");
        int experts = c.Experts(c.OneOf("num_local_experts", "num_experts"), 8);
        int perToken = c.Count("num_experts_per_tok", 2);
        if (perToken > experts) c.Wrong("num_experts_per_tok", $"{perToken}", $"at most the {experts} experts");
        int? window = LayerReader.Window(c, null);
        return spec with
        {
            Layers = [.. spec.Layers.Select(l => l with { Window = window, HasExperts = true })],
            Experts = new(experts, perToken, Renormalise: true, spec.FeedForward),
            Ropes = [RopeReader.Read(c, spec.Attention.HeadSize, spec.MaxPositions, Defaults.Theta)],
            Names = new() { FeedForward = "block_sparse_moe", Gate = "w1", Up = "w3", Down = "w2" },
        };
    }
}

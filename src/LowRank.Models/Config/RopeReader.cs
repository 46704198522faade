using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>
/// Rotary settings out of both spellings: `rope_parameters` (today's), or `rope_theta`, `rope_scaling` and `partial_rotary_factor` beside it. Where a file has both, `rope_scaling` counts, as in
/// Transformers; what the other says must not contradict it.
/// </summary>
internal static class RopeReader
{
    /// <summary>Reads the one rope of a family.</summary>
    /// <param name="config">The whole config.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="maxPositions">`max_position_embeddings`.</param>
    /// <param name="theta">The family's default base.</param>
    /// <param name="partial">The family's default rotated share of a head; null: it always rotates whole heads.</param>
    /// <param name="thetaKey">Old name of the base.</param>
    /// <param name="partialKey">Old name of the share.</param>
    public static RopeSpec Read(ConfigReader config, int headSize, int maxPositions, double theta, double? partial = null, string thetaKey = "rope_theta", string partialKey = "partial_rotary_factor")
    {
        var family = new RopeFamily(config, headSize, maxPositions, theta, partial, thetaKey, partialKey);
        return Both(family, config.Filled("rope_parameters"), config.Filled("rope_scaling"));
    }

    /// <summary>One rope from what both spellings say (null: nothing).</summary>
    public static RopeSpec Both(RopeFamily family, ConfigReader? parameters, ConfigReader? scaling)
    {
        var rope = Of(family, scaling ?? parameters);
        if (scaling is null || parameters is null) return rope;
        var other = Of(family with { Theta = rope.Theta, Partial = family.Partial is null ? null : (double)rope.Size / family.HeadSize }, parameters);
        bool bare = other.Kind == RopeKind.Default && other.Theta == rope.Theta && other.Size == rope.Size; // it says nothing that the other does not say too
        if (!bare && !other.SameAs(rope)) parameters.Contradiction("rope_parameters", Words(other), "'rope_scaling'", Words(rope));
        return rope;
    }

    /// <summary>Reads one rope from its object (null: the default kind).</summary>
    public static RopeSpec Of(RopeFamily family, ConfigReader? parameters)
    {
        var (config, headSize, maxPositions, theta, share, thetaKey, partialKey) = family;
        theta = config.Agreed(thetaKey, parameters, "rope_theta") ?? theta;
        double? partial = config.Agreed(partialKey, parameters, "partial_rotary_factor");
        if (share is null && partial is not null and not 1)
        {
            config.Wrong("partial_rotary_factor", $"{partial}", "1, or nothing: this family rotates whole heads");
            partial = 1;
        }
        var rope = new RopeSpec { Theta = theta, Size = (int)(headSize * (partial ?? share ?? 1)), TrainedPositions = maxPositions };
        if (theta <= 0) config.Wrong("rope_theta", $"{theta}", "more than 0");
        if (rope.Size < 1 || rope.Rotated > headSize) config.Wrong("partial_rotary_factor", $"{partial}", $"a share of the {headSize} dimensions of a head");
        if (parameters is null) return rope;
        string type = parameters.Text("rope_type", parameters.Text("type", "default"));
        if (parameters.Has("type") && parameters.Text("type", type) is var old && Long(old) != Long(type)) parameters.Contradiction("rope_type", type, "'type'", old);
        rope = type switch
        {
            "default" => rope,
            "linear" => rope with { Kind = RopeKind.Linear, Factor = Factor(parameters) },
            "dynamic" => rope with { Kind = RopeKind.Dynamic, Factor = Factor(parameters) },
            "yarn" => Yarn(rope, parameters, maxPositions),
            "llama3" => Llama3(rope, parameters),
            "longrope" or "su" => LongRope(rope, parameters, config, maxPositions),
            _ => Unknown(rope, parameters, type),
        };
        if (!Kinds.Contains(type)) return rope; // what belongs to it is not known
        if (rope.Kind == RopeKind.Default && parameters.Contains("factor") && parameters.Has("factor"))
            parameters.Wrong("rope_type", parameters.Has("rope_type") || parameters.Has("type") ? type : "nothing",
                "linear, dynamic, yarn, llama3 or longrope, where there is a factor");
        parameters.RefuseUnknown(k => k is "original_max_position_embeddings" or "finetuned"); // of no effect for the kinds that did not read it
        return rope;
    }

    private static readonly string[] Kinds = ["default", "linear", "dynamic", "yarn", "llama3", "longrope", "su"];

    private static string Long(string type) => type == "su" ? "longrope" : type;

    private static string Words(RopeSpec rope)
        => $"{rope.Kind.ToString().ToLowerInvariant()}, theta {rope.Theta}{(rope.Kind == RopeKind.Default ? "" : $", factor {rope.Factor}, trained on {rope.TrainedPositions}")}";

    private static double Factor(ConfigReader p)
    {
        double? factor = p.OptionalNumber("factor");
        if (factor >= 1) return factor.Value;
        if (factor is not null || !p.Has("factor")) p.Wrong("factor", factor is null ? "nothing" : $"{factor}", "a number of at least 1");
        return 1;
    }

    private static RopeSpec Yarn(RopeSpec rope, ConfigReader p, int maxPositions)
    {
        int trained = p.Count("original_max_position_embeddings", maxPositions);
        double factor = p.Has("factor") ? Factor(p) : (double)maxPositions / trained;
        static double Magnitude(double scale, double m = 1) => scale <= 1 ? 1 : 0.1 * m * Math.Log(scale) + 1;
        double mscale = p.Number("mscale", 0), mscaleAll = p.Number("mscale_all_dim", 0);
        double attention = p.OptionalNumber("attention_factor")
            ?? (mscale != 0 && mscaleAll != 0 ? Magnitude(factor, mscale) / Magnitude(factor, mscaleAll) : Magnitude(factor));
        return rope with
        {
            Kind = RopeKind.Yarn, Factor = factor, TrainedPositions = trained, AttentionFactor = attention,
            BetaFast = p.Number("beta_fast", 32), BetaSlow = p.Number("beta_slow", 1), Truncate = p.Flag("truncate", true),
        };
    }

    private static RopeSpec Llama3(RopeSpec rope, ConfigReader p) => rope with
    {
        Kind = RopeKind.Llama3, Factor = Factor(p), LowFrequencyFactor = p.Number("low_freq_factor", 1), HighFrequencyFactor = p.Number("high_freq_factor", 4),
        TrainedPositions = p.Count("original_max_position_embeddings", rope.TrainedPositions),
    };

    private static RopeSpec LongRope(RopeSpec rope, ConfigReader p, ConfigReader config, int maxPositions)
    {
        const string key = "original_max_position_embeddings";
        config.Agreed(key, p, key);
        int trained = (p.Has(key) ? p : config).Count(key, maxPositions);
        double factor = config.Has(key) || !p.Has("factor") ? (double)maxPositions / trained : p.Number("factor", 1);
        p.Has("factor");
        double attention = p.OptionalNumber("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(trained)));
        return rope with
        {
            Kind = RopeKind.LongRope, Factor = factor, TrainedPositions = trained, AttentionFactor = attention,
            ShortFactors = Factors(p, "short_factor", rope.Pairs), LongFactors = Factors(p, "long_factor", rope.Pairs),
        };
    }

    private static float[] Factors(ConfigReader p, string key, int count)
    {
        double[]? values = p.Numbers(key);
        if (values?.Length == count) return [.. values.Select(v => (float)v)];
        p.Wrong(key, values is null ? "nothing" : $"{values.Length} numbers", $"{count} numbers");
        return [];
    }

    private static RopeSpec Unknown(RopeSpec rope, ConfigReader p, string type)
    {
        p.Wrong("rope_type", type, string.Join(", ", Kinds[..^1]));
        return rope;
    }
}

/// <summary>What a family gives to the reading of a rope.</summary>
/// <param name="Config">The whole config.</param>
/// <param name="HeadSize">Width of a head.</param>
/// <param name="MaxPositions">`max_position_embeddings`.</param>
/// <param name="Theta">The default base.</param>
/// <param name="Partial">The default rotated share of a head; null: the family always rotates whole heads.</param>
/// <param name="ThetaKey">Where the base stands outside of the rope's object.</param>
/// <param name="PartialKey">Where the share stands there.</param>
internal sealed record RopeFamily(
    ConfigReader Config, int HeadSize, int MaxPositions, double Theta, double? Partial = null, string ThetaKey = "rope_theta", string PartialKey = "partial_rotary_factor");

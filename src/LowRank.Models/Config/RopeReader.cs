using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>Rotary settings out of both spellings: `rope_parameters` (today's), or `rope_theta`, `rope_scaling` and `partial_rotary_factor` beside it.</summary>
internal static class RopeReader
{
    /// <summary>Reads the one rope of a family.</summary>
    /// <param name="config">The whole config.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="maxPositions">`max_position_embeddings`.</param>
    /// <param name="theta">The family's default base.</param>
    /// <param name="partial">The family's default rotated share of a head.</param>
    /// <param name="thetaKey">Old name of the base.</param>
    /// <param name="partialKey">Old name of the share.</param>
    public static RopeSpec Read(ConfigReader config, int headSize, int maxPositions, double theta, double partial = 1, string thetaKey = "rope_theta", string partialKey = "partial_rotary_factor")
    {
        theta = config.Number(thetaKey, theta);
        partial = config.Number(partialKey, partial);
        // Both together occur in files written across versions; today's wins, as in Transformers.
        var old = config.Object("rope_scaling");
        var parameters = config.Object("rope_parameters") ?? old;
        return Of(parameters, config, headSize, maxPositions, theta, partial);
    }

    /// <summary>Reads one rope from its object (null: the default kind) with these fallbacks.</summary>
    public static RopeSpec Of(ConfigReader? parameters, ConfigReader config, int headSize, int maxPositions, double theta, double partial = 1)
    {
        theta = parameters?.Number("rope_theta", theta) ?? theta;
        partial = parameters?.Number("partial_rotary_factor", partial) ?? partial;
        var rope = new RopeSpec { Theta = theta, Size = (int)(headSize * partial), TrainedPositions = maxPositions };
        if (theta <= 0) config.Wrong("rope_theta", $"{theta}", "more than 0");
        if (rope.Size < 1 || rope.Rotated > headSize) config.Wrong("partial_rotary_factor", $"{partial}", $"a share of the {headSize} dimensions of a head");
        if (parameters is null) return rope;
        string type = parameters.Text("rope_type", parameters.Text("type", "default"));
        parameters.Has("type");
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
        parameters.RefuseUnknown(k => k is "original_max_position_embeddings" or "finetuned"); // of no effect for the kinds that did not read it
        return rope;
    }

    private static double Factor(ConfigReader p)
    {
        double factor = p.Number("factor", double.NaN);
        if (factor >= 1) return factor;
        p.Wrong("factor", double.IsNaN(factor) ? "nothing" : $"{factor}", "a number of at least 1");
        return 1;
    }

    private static RopeSpec Yarn(RopeSpec rope, ConfigReader p, int maxPositions)
    {
        int trained = p.OptionalInt("original_max_position_embeddings") ?? maxPositions;
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
        int trained = config.OptionalInt("original_max_position_embeddings") ?? p.OptionalInt("original_max_position_embeddings") ?? maxPositions;
        p.Has("original_max_position_embeddings");
        double factor = config.Has("original_max_position_embeddings") || !p.Has("factor") ? (double)maxPositions / trained : p.Number("factor", 1);
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
        return [.. Enumerable.Repeat(1f, count)];
    }

    private static RopeSpec Unknown(RopeSpec rope, ConfigReader p, string type)
    {
        p.Wrong("rope_type", type, "default, linear, dynamic, yarn, llama3, longrope");
        return rope;
    }
}

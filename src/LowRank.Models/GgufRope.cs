using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Rotary settings of a GGUF file as Hugging Face's rope_parameters. Llama 3's and Phi-3's scalings lie in the file as tables of factors.</summary>
internal static class GgufRope
{
    private const string Frequencies = "rope_freqs.weight", Long = "rope_factors_long.weight", Short = "rope_factors_short.weight";

    /// <summary>The tensors that are settings.</summary>
    public static readonly string[] Tables = [Frequencies, Long, Short];

    public static JsonObject Make(GgufFile file, GgufMetadata m, int headDim)
    {
        double theta = m.Real("rope.freq_base") ?? 10000.0;
        var rope = new JsonObject { ["rope_theta"] = theta, ["rope_type"] = "default" };
        int rotated = m.OptionalInteger("rope.dimension_count") ?? headDim;
        if (m.Architecture == "phi3") rope["partial_rotary_factor"] = (double)rotated / headDim;
        else if (rotated != headDim) throw m.Bad("rope.dimension_count", $"{rotated}", $"the head's size, {headDim}");

        Scaling(rope, m);
        bool plain = (string)rope["rope_type"]! == "default";
        if (file.Shape(Frequencies) is not null)
        {
            if (!plain) throw m.Bad("rope.scaling.type", (string)rope["rope_type"]!, "none beside " + Frequencies);
            Llama3(rope, Factors(file, Frequencies, rotated / 2), theta, rotated, file.Path);
        }
        if (file.Shape(Long) is not null || file.Shape(Short) is not null)
        {
            if (m.Architecture != "phi3" || file.Shape(Frequencies) is not null) throw new BadInputException("long and short rope factors are only known of phi3", Long, file.Path);
            LongRope(rope, m, Factors(file, Long, rotated / 2), Factors(file, Short, rotated / 2));
        }
        return rope;
    }

    private static void Scaling(JsonObject rope, GgufMetadata m)
    {
        string? type = m.Text("rope.scaling.type");
        double? factor = m.Real("rope.scaling.factor"), older = m.Real("rope.scale_linear");
        if (factor is not null && older is not null && factor != older) throw m.Bad("rope.scaling.factor", $"{factor}", $"what rope.scale_linear says, {older}");
        factor ??= older;
        if (type is null && factor is not null and not 1) type = "linear";
        switch (type)
        {
            case null or "none" or "longrope": break; // longrope: the tables say it
            case "linear":
                (rope["rope_type"], rope["factor"]) = ("linear", factor ?? throw m.Bad("rope.scaling.factor", "nothing", "a number"));
                break;
            case "yarn":
                (rope["rope_type"], rope["factor"]) = ("yarn", factor ?? throw m.Bad("rope.scaling.factor", "nothing", "a number"));
                rope["original_max_position_embeddings"] = m.Integer("rope.scaling.original_context_length");
                if (m.Real("rope.scaling.yarn_beta_fast") is { } fast) rope["beta_fast"] = fast;
                if (m.Real("rope.scaling.yarn_beta_slow") is { } slow) rope["beta_slow"] = slow;
                break;
            default: throw m.Bad("rope.scaling.type", type, "none, linear, yarn or longrope");
        }
    }

    /// <summary>Finds the llama3 settings that give the table: its largest factor, and the original context by trying.</summary>
    private static void Llama3(JsonObject rope, double[] factors, double theta, int rotated, string path)
    {
        double factor = factors.Max();
        if (factors.All(f => f == 1)) return;
        const double Low = 1, High = 4; // of every published Llama 3
        for (int original = 1024; original <= 1 << 20; original *= 2)
        {
            bool same = true;
            for (int i = 0; i < factors.Length && same; i++)
            {
                double turns = original / (2 * Math.PI * Math.Pow(theta, 2.0 * i / rotated)), smooth = (turns - Low) / (High - Low);
                double expected = turns > High ? 1 : turns < Low ? factor : 1 / ((1 - smooth) / factor + smooth);
                same = Math.Abs(factors[i] - expected) <= 1e-4 * expected;
            }
            if (!same) continue;
            (rope["rope_type"], rope["factor"], rope["original_max_position_embeddings"]) = ("llama3", factor, original);
            (rope["low_freq_factor"], rope["high_freq_factor"]) = (Low, High);
            return;
        }
        throw new BadInputException("the table of rope factors is not one of Llama 3's", Frequencies, path, remedy: "Use the model's Hugging Face folder instead.");
    }

    private static void LongRope(JsonObject rope, GgufMetadata m, double[] longFactors, double[] shortFactors)
    {
        double original = m.Integer("rope.scaling.original_context_length"), scale = m.Integer("context_length") / original;
        if (original < 2) throw m.Bad("rope.scaling.original_context_length", $"{original}", "at least 2");
        rope["rope_type"] = "longrope";
        rope["original_max_position_embeddings"] = (int)original;
        rope["long_factor"] = new JsonArray([.. longFactors.Select(f => (JsonNode)f)]);
        rope["short_factor"] = new JsonArray([.. shortFactors.Select(f => (JsonNode)f)]);
        double usual = scale <= 1 ? 1 : Math.Sqrt(1 + Math.Log(scale) / Math.Log(original)); // Hugging Face computes this one itself
        if (m.Real("rope.scaling.attn_factor") is { } given && Math.Abs(given - usual) > 1e-4) rope["attention_factor"] = given;
    }

    private static double[] Factors(GgufFile file, string name, int count)
    {
        using var scope = NewDisposeScope();
        if (file.Shape(name) is not [var length] || length != count) throw new BadInputException("a table of rope factors is missing or has the wrong length", name, file.Path, $"{count} numbers");
        double[] factors = [.. file.Dequantize(name).data<float>().ToArray().Select(f => (double)f)];
        return factors.All(f => double.IsFinite(f) && f > 0) ? factors : throw new BadInputException("a table of rope factors holds a number that is not positive", name, file.Path);
    }
}

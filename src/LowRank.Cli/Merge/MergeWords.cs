using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;

namespace LowRank.Cli;

/// <summary>What merging cost, told: as JSON, as a line, and as a warning with a remedy that helps.</summary>
internal static class MergeWords
{
    // ‖rounded − exact‖ / ‖exact‖ that weights of the usual sort meet, coarsest first.
    private static readonly (string Type, double Rms)[] Finer = [("q8_0", 6e-3), ("f16", 2.1e-4), ("f32", 2.6e-8)];

    // ‖weights‖ / ‖delta‖ beyond which the delta is no more than the rounding of float32 sums.
    private const double NextToNothing = 1e7;

    public static JsonObject Json(string output, MergeReport report, ConversionReport? others, string? noTokenizer) => new()
    {
        ["output"] = output, ["merged_parameters"] = report.Parameters,
            ["held_in"] = new JsonArray([.. report.HeldIn.Select(h => (JsonNode)h)]),
        ["largest_rounding_error"] = report.LargestRounding, ["rms_rounding_error"] = report.RelativeRms,
            ["rounding_of_delta"] = report.ShareOfDelta,
        ["converted_parameters"] = others?.Count ?? 0, ["largest_conversion_error"] = others?.Largest ?? 0,
            ["rms_conversion_error"] = others?.RelativeRms ?? 0, ["no_tokenizer"] = noTokenizer,
    };

    public static string Line(string output, MergeReport report, ConversionReport? others)
    {
        if (report.Parameters == 0) return $"Merged nothing into {output}: the adapters add nothing." + Others(others);
        string held = string.Join(", ", report.HeldIn);
        return $"Merged {report.Parameters} weights into {output}, held in {held} (largest rounding error "
            + Number(report.LargestRounding, "g3") + Parts(report) + ")." + Others(others);
    }

    /// <summary>Where rounding took more than half as much as the adapters add: how much, and what loses less; else null.</summary>
    /// <param name="report">What merging did.</param>
    /// <param name="gguf">Whether a GGUF file is written, whose types are named by --quantization.</param>
    /// <param name="again">Whether --requantize was given.</param>
    public static string? Warning(MergeReport report, bool gguf, bool again)
    {
        if (!report.LosesMost) return null;
        double share = report.ShareOfDelta!.Value, size = share / report.RelativeRms; // ‖weights‖ / ‖delta‖
        string much = share < 1 ? $"{Number(share * 100, "0")} %" : $"{Number(share, "0.#")} times as much";
        string lost = $"Rounding to {string.Join(", ", report.HeldIn)} loses more than half as much as the adapters add ({much}). ";
        var better = Finer.Where(f => f.Rms < report.RelativeRms / 2 && f.Rms * size <= 0.5 && (gguf || f.Type == "f32"))
            .Select(f => ((string, double)?)f).FirstOrDefault();
        if (better is not ({ } type, { } rms) || size > NextToNothing)
            return lost + $"Together they add next to nothing: {Number(1 / size, "g2")} of the weights. Look at their strengths.";
        string little = $"about {Number(rms * size * 100, "0.####")} % is lost";
        return lost + (gguf
            ? $"Give the merged tensors another type: with --quantization {type} {little}. Without --requantize, in a folder, nearly nothing."
            : again ? $"Without --requantize, in float32, {little}." : $"With --dtype float32 {little}.");
    }

    private static string Parts(MergeReport report)
    {
        if (report.RelativeRms == 0) return "";
        string delta = report.ShareOfDelta is > 0 and var share ? $" and {Number(share, "g3")} of what the adapters add" : "";
        return $", RMS {Number(report.RelativeRms, "g3")} of the weights{delta}";
    }

    private static string Others(ConversionReport? others)
        => others is not { Count: > 0 } ? ""
            : $" {others.Count} other weights were rounded too (largest error {Number(others.Largest, "g3")}, "
                + $"RMS {Number(others.RelativeRms, "g3")}).";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

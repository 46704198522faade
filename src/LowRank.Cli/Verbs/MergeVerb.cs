using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`merge`: a plain model with the adapters folded in.</summary>
internal static class MergeVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> output = new("--output") { Description = "the Hugging Face folder to write, or with --requantize over a GGUF base the .gguf file" };
        Option<bool> force = new("--force") { Description = "replace an existing output" };
        Option<bool> requantize = new("--requantize") { Description = "of a quantised base: quantise the merged weights again, to its own kind, instead of writing them expanded" };
        var verb = new Command("merge", "A plain model with the adapters folded in.") { output, force, requantize };
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            string place = CommonOptions.Require(parsed, output), model = ModelPlace.Of(common.RequireModel(parsed));
            bool again = parsed.GetValue(requantize), overwrite = parsed.GetValue(force);
            var device = common.Prepare(parsed);
            // What is written keeps each weight's stored dtype unless --dtype says otherwise; the sums are in float32 either way.
            ScalarType? saved = parsed.GetResult(common.Dtype) is not { Implicit: false } || parsed.GetValue(common.Dtype) == "auto" ? null : Processor.ParseDType(parsed.GetValue(common.Dtype)!, device);
            string? quantize = common.Quantization(parsed);
            bool gguf = IsGguf(place), over = File.Exists(model) && IsGguf(model);
            if (gguf) CheckGguf(over, again, quantize, saved, place);
            else if (again && over && quantize is null or QuantizeChoice.Keep or QuantizeChoice.None)
                throw new BadInputException("a GGUF base is quantised again into a GGUF file, not a folder", place, "--output", "a file that ends in .gguf", "Or leave --requantize out: the folder then holds the expanded weights.");
            if (gguf) GgufRewriter.RefuseSource(model, place); // first: --force would be no remedy
            AtomicFile.RefuseExisting(place, overwrite);
            if (common.Adapters(parsed).Count == 0) throw new BadInputException("there is nothing to merge", place: "--adapter", remedy: "Give at least one adapter folder.");
            using var session = Session.Open(model, common.Adapters(parsed), ScalarType.Float32, device, gguf ? QuantizeChoice.Keep : quantize);
            if (again && !gguf) ModelWriter.CheckQuantized(session.Model);
            var report = session.Host.Merge(again ? QuantizedMerge.SameKind : saved == ScalarType.BFloat16 ? QuantizedMerge.BFloat16 : QuantizedMerge.Float32);
            if (gguf) ModelWriter.SaveGguf(session.Model, place, overwrite);
            else ModelWriter.Save(session.Model, place, saved, overwrite: overwrite, quantized: again);
            if (parsed.GetValue(common.Json)) Output.Json(new JsonObject { ["output"] = place, ["merged_parameters"] = report.Parameters, ["largest_rounding_error"] = report.LargestRounding, ["rms_rounding_error"] = report.RelativeRms, ["rounding_of_delta"] = report.ShareOfDelta });
            else Output.Line(false, $"Merged {report.Parameters} weights into {place} (largest rounding error {report.LargestRounding:g3}{(report.RelativeRms == 0 ? "" : $", RMS {report.RelativeRms:g3} of the weights")}{(report.ShareOfDelta is > 0 ? $" and {report.ShareOfDelta:g3} of what the adapters add" : "")}).");
            if (report.ShareOfDelta > 0.5) Output.Line(true, "Rounding loses more than half as much as the adapters add. " + (again ? "Without --requantize, in a folder, nothing is lost." : "Merge into float32 (--dtype float32) instead."));
            return 0;
        });
        return verb;
    }

    private static bool IsGguf(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    // The file written is the base's with other data in the merged tensors: it has no room for other types or settings.
    private static void CheckGguf(bool over, bool again, string? quantize, ScalarType? saved, string place)
    {
        if (!again || !over)
            throw new BadInputException("writing GGUF is not available yet" + (again ? " over a base that is no GGUF file" : " without --requantize"), place, "--output", "a folder",
                "A GGUF file is written where --model is one and --requantize is given: the merged weights in its own types.");
        if (quantize is not (null or QuantizeChoice.Keep))
            throw new BadInputException("a GGUF file is written in the base's own types", quantize, "--quantize", "keep, or nothing", "Leave --quantize out.");
        if (saved is not null) throw new BadInputException("a GGUF file is written in the base's own types", saved.ToString(), "--dtype", "nothing", "Leave --dtype out.");
    }
}

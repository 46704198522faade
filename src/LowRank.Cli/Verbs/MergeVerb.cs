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
        Option<string> output = new("--output") { Description = "the Hugging Face folder to write" };
        Option<bool> force = new("--force") { Description = "replace an existing output" };
        Option<bool> requantize = new("--requantize") { Description = "of a quantised base: quantise the merged weights again, to its own kind, instead of writing them expanded" };
        var verb = new Command("merge", "A plain model with the adapters folded in.") { output, force, requantize };
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            string place = CommonOptions.Require(parsed, output);
            AtomicFile.RefuseExisting(place, parsed.GetValue(force));
            if (place.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) throw new BadInputException("writing GGUF is not available yet", place, "--output", "a folder");
            if (common.Adapters(parsed).Count == 0) throw new BadInputException("there is nothing to merge", place: "--adapter", remedy: "Give at least one adapter folder.");
            var device = common.Prepare(parsed);
            // What is written keeps each weight's stored dtype unless --dtype says otherwise; the sums are in float32 either way.
            ScalarType? saved = parsed.GetResult(common.Dtype) is not { Implicit: false } || parsed.GetValue(common.Dtype) == "auto" ? null : Processor.ParseDType(parsed.GetValue(common.Dtype)!, device);
            using var session = Session.Open(ModelPlace.Of(common.RequireModel(parsed)), common.Adapters(parsed), ScalarType.Float32, device, common.Quantization(parsed));
            bool again = parsed.GetValue(requantize);
            if (again) ModelWriter.CheckQuantized(session.Model);
            var report = session.Host.Merge(again ? QuantizedMerge.SameKind : saved == ScalarType.BFloat16 ? QuantizedMerge.BFloat16 : QuantizedMerge.Float32);
            ModelWriter.Save(session.Model, place, saved, overwrite: parsed.GetValue(force), quantized: again);
            if (parsed.GetValue(common.Json)) Output.Json(new JsonObject { ["output"] = place, ["merged_parameters"] = report.Parameters, ["largest_rounding_error"] = report.LargestRounding, ["rms_rounding_error"] = report.RelativeRms, ["rounding_of_delta"] = report.ShareOfDelta });
            else Output.Line(false, $"Merged {report.Parameters} weights into {place} (largest rounding error {report.LargestRounding:g3}{(report.RelativeRms == 0 ? "" : $", RMS {report.RelativeRms:g3} of the weights")}{(report.ShareOfDelta is > 0 ? $" and {report.ShareOfDelta:g3} of what the adapters add" : "")}).");
            if (report.ShareOfDelta > 0.5) Output.Line(true, "Rounding loses more than half as much as the adapters add. " + (again ? "Without --requantize nothing is lost." : "Merge into float32 (--dtype float32) instead."));
            return 0;
        });
        return verb;
    }
}

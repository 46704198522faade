using System.CommandLine;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`merge`: a plain model with the adapters folded in.</summary>
internal static class MergeVerb
{
    public static Command Create()
    {
        var common = new CommonOptions(
            "what a folder's weights are written in: float32, bfloat16, float16, or auto (the default): each as it is stored");
        Option<string> output = new("--output")
        {
            Description = "the Hugging Face folder to write, or over a GGUF base, with --requantize or --quantization, the .gguf file",
        };
        Option<bool> force = new("--force") { Description = "replace an existing output" };
        Option<bool> requantize = new("--requantize") { Description = "of a quantised base: quantise the merged weights again, to its own kind, instead of writing them expanded" };
        Option<string> quantization = new("--quantization") { Description = "of a .gguf output: the type of the merged tensors (f32, f16, bf16, q8_0, q6_k, ...), which --quantize names there too; without it their own" };
        Option<string> template = new("--template") { Description = Session.TemplateDescription };
        var verb = new Command("merge", "A plain model with the adapters folded in.") { output, force, requantize, quantization, template };
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            string place = CommonOptions.Require(parsed, output), model = ModelPlace.Of(common.RequireModel(parsed));
            bool again = parsed.GetValue(requantize), overwrite = parsed.GetValue(force);
            var device = common.Prepare(parsed);
            var saved = MergeForms.SavedDType(common, parsed);
            bool gguf = MergeForms.IsGguf(place), over = Found.At(model).Kind == FoundKind.GgufModel;
            var type = MergeForms.TypeAsked(parsed.GetValue(quantization), parsed.GetValue(common.Quantize), gguf);
            string? quantize = gguf ? QuantizeChoice.Keep : common.Quantization(parsed);
            if (gguf) MergeForms.CheckGguf(over, again || type is not null, saved, place);
            else if (again && over && quantize is null or QuantizeChoice.Keep or QuantizeChoice.None)
                throw new BadInputException("a GGUF base is quantised again into a GGUF file, not a folder", place, "--output", "a file that ends in .gguf", "Or leave --requantize out: the folder then holds the expanded weights.");
            if (common.Adapters(parsed).Count == 0) throw new BadInputException("there is nothing to merge", place: "--adapter", remedy: "Give at least one adapter folder.");
            using var held = OutputPlace.Claim(place, gguf ? OutputKind.Gguf : OutputKind.Model, overwrite, Sources.Of(model, common.Adapters(parsed)));
            using var session = Session.Open(model, common.Adapters(parsed), ScalarType.Float32, device, quantize);
            var texts = session.Texts(parsed.GetValue(template), parsed.GetValue(common.Quiet));
            if (again && !gguf) ModelWriter.CheckQuantized(session.Model);
            WeightCheck.Require(session.Model);
            // Each merged weight goes straight into what is written, so that the report is of the written ones and nothing is rounded twice.
            var report = session.Host.Merge(gguf ? type is null ? MergeInto.SameKind : MergeInto.Kind(type.Name.ToLowerInvariant())
                : again ? MergeInto.QuantizedFolder(saved) : saved is { } dtype ? MergeInto.DType(dtype) : MergeInto.Stored);
            ConversionReport? others = null;
            string? untold = null; // why the folder has no tokenizer
            if (gguf) ModelWriter.SaveGguf(session.Model, place, overwrite, type);
            else others = ModelWriter.Save(session.Model, place, saved, overwrite: overwrite, quantized: again, extra: folder =>
            {
                untold = GgufTokenizerFolder.Write(model, folder);
                texts.Save(folder);
            });
            if (parsed.GetValue(common.Json)) Output.Json(MergeWords.Json(place, report, others, untold));
            else Output.Line(false, MergeWords.Line(place, report, others));
            Output.Kept(held);
            if (MergeWords.Warning(report, gguf, again) is { } warning) Output.Line(true, warning);
            Output.Notes(session.Adapters.Where(a => a.Strength == 0).Select(a => $"{a.Path} has strength 0: nothing of it is merged."));
            if (quantize is not (null or QuantizeChoice.Keep or QuantizeChoice.None) && !again)
                Output.Notes([$"the base was made {quantize} on loading, so all its projections are what {quantize} makes of them, "
                    + "as the adapters met them."]);
            if (gguf && !texts.AreTheModels)
                Output.Line(true, $"{place} keeps the chat template and the end tokens of its base; those of the adapters are not in it.");
            Output.NoTokenizer(model, untold);
            return 0;
        });
        return verb;
    }
}

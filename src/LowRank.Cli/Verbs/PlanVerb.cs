using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`plan`: roughly the memory, time and adapter size of a run before it starts, and what to change to make it fit.</summary>
internal static class PlanVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> config = new("--config") { Description = "run.yaml" };
        Option<string[]> set = new("--set") { Description = "key=value; repeatable", DefaultValueFactory = _ => [] };
        var verb = new Command("plan", "Memory, time and size of a run before it starts (rough).") { config, set };
        common.AddTo(verb);
        verb.Options.Remove(common.Adapter);
        verb.SetAction(parsed =>
        {
            JsonObject tree = parsed.GetValue(config) is { } file ? SettingsBinder.ReadYaml(file) : [];
            if (parsed.GetValue(common.Model) is { } model) tree["model"] = model;
            if (parsed.GetValue(common.Quantize) is { } quantize) tree["quantize"] = quantize;
            if (parsed.GetResult(common.Dtype) is { Implicit: false }) tree["dtype"] = parsed.GetValue(common.Dtype);
            foreach (string assignment in parsed.GetValue(set)!) SettingsBinder.Set(tree, assignment);
            var settings = SettingsBinder.Bind(tree, needsData: false);
            var device = common.Prepare(parsed);
            var result = Estimate(settings, ModelPlace.Of(settings.Model), device);
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else foreach (var (name, value) in result) Console.Out.WriteLine($"{name,-22} {(name.EndsWith("bytes", StringComparison.Ordinal) ? Output.Bytes(value) : value)}");
            return 0;
        });
        return verb;
    }

    /// <summary>Counts weights and activations (Korthikanti et al. 2022 in spirit), and measures this machine's matrix product for the time.</summary>
    private static JsonObject Estimate(RunSettings settings, string path, Device device)
    {
        using var scope = NewDisposeScope();
        string? quantize = settings.QuantizeOn(device), kind = quantize is null or QuantizeChoice.Keep or QuantizeChoice.None ? null : quantize;
        using var model = ModelLoader.Load(path, Processor.ParseDType(settings.Dtype, device), device, kind is null ? quantize : QuantizeChoice.Keep); // mapped, not read; nothing is quantised for a plan
        var host = AdapterHost.Attach(model);
        bool full = settings.Adapter is null && settings.InitAdapter is null;
        long parameters = model.ParameterCount, trained = parameters;
        if (settings.InitAdapter is not null) trained = host.Load("plan", settings.InitAdapter).ParameterCount;
        else if (!full) trained = host.Add("plan", LoraConfig.FromJson(settings.Adapter!) with { Initialisation = LoraInitialisation.Default }, 0, model.Spec.ModelType).ParameterCount;

        var spec = model.Spec;
        long element = Processor.ParseDType(settings.Dtype, device) == ScalarType.BFloat16 ? 2 : 4, tokens = (long)settings.BatchSize * settings.MaxLength;
        long inner = spec.FeedForward.Size, attention = (long)spec.Attention.HeadSize * (spec.Attention.Heads + 2 * spec.Attention.KeyHeads);
        long perLayer = tokens * element * (8L * spec.HiddenSize + 3 * attention + 5 * inner);
        long activations = settings.GradientCheckpointing ? perLayer + spec.Layers.Count * tokens * element * spec.HiddenSize : spec.Layers.Count * perLayer;
        long loss = Math.Min(256L * 49152, tokens * spec.VocabularySize) * 12;
        long weights = full ? parameters * (4 + element % 4) : Frozen(model, kind, element);
        long peak = weights + 16 * trained + activations + loss + (350L << 20); // and the runtime itself
        double flops = (full ? 6.0 : 4.0) * parameters * tokens * settings.GradientAccumulationSteps * (settings.GradientCheckpointing ? 1.5 : 1);
        double seconds = flops / (0.3 * Processor.MeasureProduct(element == 2 ? ScalarType.BFloat16 : ScalarType.Float32, 512, 6));
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new JsonObject
        {
            ["peak_bytes"] = peak, ["step_seconds"] = seconds, ["adapter_bytes"] = full ? 0 : trained * 4, ["trainable_parameters"] = trained, ["fits"] = peak < available * 9 / 10,
            ["advice"] = new JsonArray([.. Advice(settings, peak, available, full).Select(a => (JsonNode)a)]),
        };
    }

    /// <summary>Bytes of a frozen base: its quantised projections, and of these the largest once expanded; the rest in the dtype computed in.</summary>
    private static long Frozen(CausalLM model, string? kind, long element)
    {
        var projections = model.Projections().Select(p => p.Module).Where(p => !p.IsOutputEmbedding && (kind is not null || p.Quantized is not null)).ToList();
        if (projections.Count == 0) return model.ParameterCount * element;
        using var scope = NewDisposeScope();
        double each = 0;
        if (kind is not null)
        {
            using var sample = QuantizedKinds.Quantize(kind, zeros(16, 4096));
            each = sample.Bytes / (16.0 * 4096);
        }
        long Elements(Projection p) => p.InputSize * p.OutputSize;
        double blocks = projections.Sum(p => kind is null ? p.Quantized!.Bytes : Elements(p) * each);
        return (long)blocks + projections.Max(Elements) * (4 + element % 4) + (model.ParameterCount - projections.Sum(Elements)) * element;
    }

    private static IEnumerable<string> Advice(RunSettings settings, long peak, long available, bool full)
    {
        if (peak < available * 9 / 10) yield break;
        yield return $"The run needs about {Output.Bytes(peak)}, this machine has {Output.Bytes(available)}.";
        if (full) yield return "Train an adapter instead of all weights.";
        if (!full && settings.Quantize is null) yield return "Set quantize: nf4.";
        if (!settings.GradientCheckpointing) yield return "Set gradient_checkpointing: true.";
        if (settings.BatchSize > 1) yield return $"Set batch_size: {Math.Max(1, settings.BatchSize / 2)} and gradient_accumulation_steps: {settings.GradientAccumulationSteps * 2}.";
        if (settings.MaxLength > 256) yield return $"Set max_length: {settings.MaxLength / 2}.";
    }
}

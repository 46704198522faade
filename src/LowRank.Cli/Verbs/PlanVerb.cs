using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli.Verbs;

/// <summary>`plan`: memory, time and adapter size of a run before it starts, by part, and what to change to make it fit.</summary>
internal static class PlanVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> config = new("--config") { Description = "run.yaml" };
        Option<string[]> set = new("--set") { Description = "key=value; repeatable", DefaultValueFactory = _ => [] };
        Option<string> memory = new("--memory") { Description = "what the whole process may take, such as 1.5GB (the setting `memory`)" };
        var verb = new Command("plan", "Memory, time and size of a run before it starts, and what to change to make it fit.") { config, set, memory };
        common.AddTo(verb);
        verb.Options.Remove(common.Adapter);
        verb.SetAction(parsed =>
        {
            JsonObject tree = parsed.GetValue(config) is { } file ? SettingsBinder.ReadYaml(file) : [];
            if (parsed.GetValue(common.Model) is { } model) tree["model"] = model;
            if (parsed.GetValue(common.Quantize) is { } quantize) tree["quantize"] = quantize;
            if (parsed.GetResult(common.Dtype) is { Implicit: false }) tree["dtype"] = parsed.GetValue(common.Dtype);
            if (parsed.GetValue(memory) is { } limit) tree["memory"] = limit;
            foreach (string assignment in parsed.GetValue(set)!) SettingsBinder.Set(tree, assignment);
            var settings = SettingsBinder.Bind(tree, needsData: false);
            var device = common.Prepare(parsed);
            var result = Make(settings, ModelPlace.Of(settings.Model), device);
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else Show(result);
            return 0;
        });
        return verb;
    }

    private static JsonObject Make(RunSettings settings, string path, Device device)
    {
        using var scope = NewDisposeScope();
        string? quantize = settings.QuantizeOn(device), kind = quantize is null or QuantizeChoice.Keep or QuantizeChoice.None ? null : quantize;
        using var model = ModelLoader.Load(path, Processor.ParseDType(settings.Dtype, device), device, kind is null ? quantize : QuantizeChoice.Keep); // mapped, not read; nothing is quantised for a plan
        var host = AdapterHost.Attach(model);
        var adapter = settings.InitAdapter is not null ? host.Load("plan", settings.InitAdapter)
            : settings.Adapter is null ? null : host.Add("plan", LoraConfig.FromJson(settings.Adapter) with { Initialisation = LoraInitialisation.Default }, 0, model.Spec.ModelType);
        PlanRequest request = new(settings, settings.BatchSize, settings.MaxLength) { Limit = settings.MemoryLimit(), Rates = MachineRates.Measure(model.ComputeDType), Quantize = kind,
            DataBytes = RowSet.ForeseenBytes(settings.Data) + RowSet.ForeseenBytes(settings.EvalData) };
        var plan = Planner.Make(model, adapter, request);
        long trained = adapter?.ParameterCount ?? model.ParameterCount, available = request.Limit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 9 / 10;
        bool fits = plan.PeakBytes <= available;
        return new JsonObject
        {
            ["peak_bytes"] = plan.PeakBytes, ["step_seconds"] = plan.StepSeconds * settings.GradientAccumulationSteps, ["adapter_bytes"] = adapter is null ? 0 : trained * 4, ["trainable_parameters"] = trained, ["fits"] = fits,
            ["advice"] = new JsonArray([.. (fits ? [] : PlanAdvice.For(model, adapter, request, plan, available)).Select(a => (JsonNode)a)]),
            ["available_bytes"] = available, ["smallest_bytes"] = plan.SmallestBytes, ["path"] = plan.Path, ["slice_tokens"] = plan.SliceTokens, ["blocks"] = plan.Blocks, ["kept_blocks"] = plan.KeptBlocks,
            ["memory"] = new JsonObject(plan.Memory.Select(m => KeyValuePair.Create(m.Part, (JsonNode?)m.Bytes))),
            ["seconds"] = new JsonObject(plan.Time.Select(t => KeyValuePair.Create(t.Part, (JsonNode?)(t.Seconds * settings.GradientAccumulationSteps)))),
        };
    }

    private static void Show(JsonObject result)
    {
        void Line(string name, string value) => Console.Out.WriteLine($"{name,-22} {value}");
        foreach (var (name, value) in result)
            switch (value)
            {
                case JsonArray advice: foreach (var sentence in advice) Line(name, (string)sentence!); break;
                case JsonObject parts:
                    foreach (var (part, amount) in parts) Line($"  {part}", name == "memory" ? Output.Bytes(amount) : string.Create(CultureInfo.InvariantCulture, $"{(double)amount!:0.0000} s"));
                    break;
                default: Line(name, name.EndsWith("bytes", StringComparison.Ordinal) ? Output.Bytes(value) : name.EndsWith("seconds", StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"{(double)value!:0.000} s") : value!.ToString()); break;
            }
    }
}

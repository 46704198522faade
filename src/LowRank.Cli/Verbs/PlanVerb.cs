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
        var common = new CommonOptions(CommonOptions.TrainingDtype);
        var flags = new SettingsFlags();
        var verb = new Command("plan", "Memory, time and size of a run before it starts, and what to change to make it fit.") { flags.Config, flags.Set, flags.Memory };
        common.AddTo(verb);
        verb.Options.Remove(common.Adapter);
        verb.SetAction(parsed =>
        {
            var settings = SettingsFlags.Bind(flags.Read(parsed, null, (common.Model, "model"), (common.Quantize, "quantize"), (common.Dtype, "dtype"), (common.Seed, "seed"), (flags.Memory, "memory")), needsData: false);
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
        LoadedModel.Remark(path, quantize);
        using var model = ModelLoader.Load(path, Processor.ParseDType(settings.Dtype, device), device, kind is null ? quantize : QuantizeChoice.Keep); // mapped, not read; nothing is quantised for a plan
        var host = AdapterHost.Attach(model, model.Spec.ModelType);
        var adapter = settings.TrainsAll() ? null
            : RunAdapter.Make(host, model, settings, config => config with { Initialisation = LoraInitialisation.Default }, trained: false);
        PlanRequest request = new(settings, settings.BatchSize, settings.MaxLength)
        {
            Limit = settings.MemoryLimit(), Rates = MachineRates.Measure(model.ComputeDType), Quantize = kind,
            DataBytes = RowSet.ForeseenBytes(settings.Data) + RowSet.ForeseenBytes(settings.EvalData),
        };
        var plan = Planner.Make(model, adapter, request);
        long trained = adapter?.ParameterCount ?? model.ParameterCount, available = request.Limit ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 9 / 10;
        bool fits = plan.PeakBytes <= available;
        var rows = Rows(settings, path, model.Spec);
        int? steps = settings.MaxSteps > 0 ? settings.MaxSteps : rows is null ? null : RunLength.Of(settings, rows).TotalSteps;
        double step = plan.StepSeconds * settings.GradientAccumulationSteps;
        string[] notes =
        [
            .. RunNotices.Of(settings, steps), .. adapter is not null && RunNotices.Rank(adapter.Size) is { } rank ? [rank] : Array.Empty<string>(),
            .. rows?.Notes ?? [], .. rows is null && Beyond(settings, model.Spec) is { } beyond ? [beyond] : Array.Empty<string>(),
        ];
        return new JsonObject
        {
            ["peak_bytes"] = plan.PeakBytes, ["step_seconds"] = step, ["steps"] = steps, ["total_seconds"] = steps * step, ["adapter_bytes"] = adapter is null ? 0 : trained * 4, ["trainable_parameters"] = trained, ["fits"] = fits,
            ["advice"] = new JsonArray([.. (fits ? [] : PlanAdvice.For(model, adapter, request, plan, available)).Select(a => (JsonNode)a)]),
            ["notes"] = new JsonArray([.. notes.Select(n => (JsonNode)n)]), ["adapter"] = adapter is null ? null : RunAdapter.Describe(adapter), ["available_bytes"] = available, ["smallest_bytes"] = plan.SmallestBytes, ["path"] = plan.Path, ["slice_tokens"] = plan.SliceTokens, ["blocks"] = plan.Blocks, ["kept_blocks"] = plan.KeptBlocks,
            ["memory"] = new JsonObject(plan.Memory.Select(m => KeyValuePair.Create(m.Part, (JsonNode?)m.Bytes))),
            ["seconds"] = new JsonObject(plan.Time.Select(t => KeyValuePair.Create(t.Part, (JsonNode?)(t.Seconds * settings.GradientAccumulationSteps)))),
        };
    }

    /// <summary>The rows of the run, where they are needed to tell its steps or what is beyond the model's positions.</summary>
    private static RowSet? Rows(RunSettings settings, string path, DecoderSpec spec)
    {
        if (settings.Data.Count == 0 || (settings.MaxSteps > 0 && !MayExceed(settings, spec))) return null;
        var encoder = TokenEncoders.Of(TokenEncoders.Texts(path, settings), settings.AssistantTurns);
        RowSet Load(DataOptions options)
            => RowSet.Load(options with { Positions = PositionLimit.Of(spec) }, spec.VocabularySize, encoder, settings.Seed, CommandLine.Stop);
        var rows = Load(settings.DataOptions());
        return settings.EvalOptions() is { } held ? rows with { Notes = [.. rows.Notes, .. Load(held).Notes] } : rows;
    }

    private static bool MayExceed(RunSettings settings, DecoderSpec spec) => settings.MaxLength > (PositionLimit.Of(spec)?.Most ?? int.MaxValue);

    private static string? Beyond(RunSettings settings, DecoderSpec spec)
        => PositionLimit.Of(spec) is { Learned: true } positions && MayExceed(settings, spec)
            ? $"max_length {settings.MaxLength} is beyond the model's {positions.Most} learned positions: longer rows are refused" : null;

    private static void Show(JsonObject result)
    {
        void Line(string name, string value) => Console.Out.WriteLine($"{name,-22} {value}");
        foreach (var (name, value) in result)
            switch (value)
            {
                case null: Line(name, name is "steps" or "total_seconds" ? "- (give max_steps, or data)" : "-"); break;
                case JsonArray advice: foreach (var sentence in advice) Line(name, (string)sentence!); break;
                case JsonObject parts:
                    foreach (var (part, amount) in parts) Line($"  {part}", name == "memory" ? Output.Bytes(amount) : string.Create(CultureInfo.InvariantCulture, $"{(double)amount!:0.0000} s"));
                    break;
                default: Line(name, name.EndsWith("bytes", StringComparison.Ordinal) ? Output.Bytes(value) : name == "total_seconds" ? TimeSpan.FromSeconds(Math.Min((double)value, 1e9)).ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture)
                    : name.EndsWith("seconds", StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"{(double)value!:0.000} s") : value!.ToString()); break;
            }
    }
}

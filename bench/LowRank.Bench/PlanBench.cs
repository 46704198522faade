using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using static LowRank.Bench.MeasuredRun;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>What a plan says beside what a run then takes, for twelve configurations; both in processes of their own, so that the peaks are honest.</summary>
internal static class PlanBench
{
    private const int Steps = 4;
    private const string Dropout = "adapter.lora_dropout=0.05"; // the step by hand refuses it

    private static readonly string Outlet = Path.Combine(TestKit.Paths.Root, "src", "LowRank.Cli", "Assets", "outlet");
    private static readonly string Gguf = Path.Combine(Environment.GetEnvironmentVariable("LOWRANK_SHARED") ?? Path.Combine(TestKit.Paths.Root, "..", "shared"), "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    /// <summary>A configuration.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Shape">A published shape, or `outlet`.</param>
    /// <param name="Rows">Rows of a step.</param>
    /// <param name="Length">Tokens of a row.</param>
    /// <param name="More">Further settings.</param>
    private sealed record Case(string Name, string Shape, int Rows, int Length, params string[] More)
    {
        /// <summary>False: automatic differentiation even where the step could be computed by hand.</summary>
        public bool Fast { get; init; } = true;
        /// <summary>Whether the rows are evaluated on after the steps.</summary>
        public bool Evaluates { get; init; }
    }

    private static readonly Case[] Cases =
    [
        new("4x512", "smollm2-135m", 4, 512),
        new("1x2048", "smollm2-135m", 1, 2048),
        new("8x128", "smollm2-135m", 8, 128),
        new("rank64", "smollm2-135m", 4, 512, "adapter.r=64"),
        new("float32", "smollm2-135m", 2, 512, "dtype=float32"),
        new("nf4", "smollm2-135m", 4, 512, "quantize=nf4"),
        new("0.8GB", "smollm2-135m", 4, 512, "memory=0.8GB"),
        new("qv-only", "smollm2-135m", 4, 512, "adapter.target_modules=[q_proj, v_proj]"),
        new("qwen", "qwen2.5-0.5b", 2, 512),
        new("outlet", "outlet", 16, 80),
        new("outlet-full", "outlet", 16, 80, "adapter=null"),
        new("gpt2", "gpt2", 2, 256),
        new("smollm2-full", "smollm2-135m", 2, 256, "adapter=null"), // beyond the twelve, by name
        new("gpt2-1GB", "gpt2", 4, 256, "memory=1GB"),
        new("smollm2-dora", "smollm2-135m", 2, 256, "adapter.use_dora=true"),
        new("autograd", "smollm2-135m", 2, 256) { Fast = false },
        new("nf4-autograd", "smollm2-135m", 2, 256, "quantize=nf4") { Fast = false },
        new("gguf-autograd", "gguf", 2, 256) { Fast = false },
        new("dropout", "smollm2-135m", 2, 256, Dropout),
        new("nf4-dropout", "smollm2-135m", 2, 256, "quantize=nf4", Dropout),
        new("gguf-dropout", "gguf", 2, 256, Dropout),
        new("gguf-dropout-1GB", "gguf", 4, 512, Dropout, "memory=1GB"),
        new("gguf", "gguf", 2, 256),
        new("gguf-autograd-4x512", "gguf", 4, 512) { Fast = false },
        new("gguf-again", "gguf", 4, 512, "gradient_checkpointing=true") { Fast = false },
        new("gguf-autograd-1x64", "gguf", 1, 64) { Fast = false },
        new("gguf-qv-dropout", "gguf", 2, 256, "adapter.target_modules=[q_proj, v_proj]", Dropout),
        new("eval", "smollm2-135m", 2, 256) { Evaluates = true },
        new("nf4-eval", "smollm2-135m", 2, 256, "quantize=nf4") { Evaluates = true },
        new("gguf-eval", "gguf", 2, 256) { Evaluates = true },
        new("gguf-eval-0.9GB", "gguf", 2, 256, "memory=0.9GB") { Evaluates = true },
        new("gguf-dropout-eval", "gguf", 2, 256, Dropout) { Evaluates = true },
    ];

    /// <summary>Runs the named configurations (none: the first twelve) and prints a table.</summary>
    /// <param name="names">Their names.</param>
    /// <param name="models">Where models of random weights are kept between runs; null: a temporary folder.</param>
    public static int Run(IReadOnlyList<string> names, string? models)
    {
        string folder = models ?? Directory.CreateTempSubdirectory("lowrank-bench-").FullName;
        try
        {
            Say($"{"",-15} {"peak MB",-24} {"step seconds",-24}");
            Say($"{"",-15} {"plan",7} {"measured",9} {"ratio",6} {"plan",8} {"measured",8} {"ratio",6}");
            foreach (var one in names.Count == 0 ? Cases[..12] : names.Select(n => Cases.First(c => c.Name == n)))
            {
                string model = one.Shape switch { "outlet" => Outlet, "gguf" => Gguf, _ => Path.Combine(folder, one.Shape) };
                if (one.Shape is not ("outlet" or "gguf") && !Directory.Exists(model)) RandomModel.Write(model, PublishedShapes.Config(one.Shape));
                var planned = Own("plan-of", one.Name, model);
                var measured = Own("run-of", one.Name, model);
                double Of(JsonObject o, string key) => (double)o[key]!;
                Say($"{one.Name,-15} {Of(planned, "peak") / 1e6,7:0} {Of(measured, "peak") / 1e6,9:0} {Of(planned, "peak") / Of(measured, "peak"),6:0.00} {Of(planned, "seconds"),8:0.000} {Of(measured, "seconds"),8:0.000} {Of(planned, "seconds") / Of(measured, "seconds"),6:0.00}  {planned["text"]}");
                if (models is null) continue;
                Say($"    memory {planned["memory"]!.ToJsonString()} time {planned["time"]!.ToJsonString()}");
                Say($"    measured {measured.ToJsonString()}");
            }
            return 0;
        }
        finally { if (models is null) Directory.Delete(folder, recursive: true); }
    }

    /// <summary>The plan of a configuration, as JSON.</summary>
    public static void PlanOf(string name, string path)
    {
        var one = Cases.First(c => c.Name == name);
        var settings = Of(one, path);
        bool quantizes = settings.Quantize is not null;
        using var model = ModelLoader.Load(path, Processor.ParseDType(settings.Dtype, CPU), CPU, quantizes ? QuantizeChoice.Keep : settings.QuantizeOn(CPU));
        var adapter = AdapterOf(model, settings);
        var plan = Planner.Make(model, adapter, new(settings, one.Rows, one.Length) { Limit = settings.MemoryLimit(), Rates = MachineRates.Measure(model.ComputeDType), Quantize = settings.Quantize, AllowFast = one.Fast });
        Console.WriteLine(new JsonObject
        {
            ["peak"] = plan.PeakBytes, ["seconds"] = plan.StepSeconds, ["text"] = plan.Describe(),
            ["memory"] = new JsonObject(plan.Memory.Select(m => KeyValuePair.Create(m.Part, (JsonNode?)Math.Round(m.Bytes / 1e6)))), ["time"] = new JsonObject(plan.Time.Select(m => KeyValuePair.Create(m.Part, (JsonNode?)Math.Round(m.Seconds, 4)))),
        }.ToJsonString());
    }

    /// <summary>A configuration's steps, measured; the best of those after the first, as JSON.</summary>
    public static void RunOf(string name, string path)
    {
        var one = Cases.First(c => c.Name == name);
        string folder = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;
        try
        {
            var settings = Of(one, path);
            var rows = Rows(ModelLoader.Describe(path).Spec.VocabularySize, Enumerable.Repeat(one.Length, one.Rows * Steps));
            using var model = ModelLoader.Load(path, Processor.ParseDType(settings.Dtype, CPU), CPU, settings.QuantizeOn(CPU));
            var adapter = AdapterOf(model, settings);
            List<IReadOnlyDictionary<string, double>> parts = [];
            List<StepLog> logs = [];
            StepClock.Enabled = true;
            var into = new RunFolder(Path.Combine(folder, "run"));
            into.Begin(settings, force: false);
            var trainer = new Trainer(settings, model, adapter is null ? new FullTrainable(model) : new AdapterTrainable(model, adapter), rows, one.Evaluates ? rows : null, into, one.Fast)
            {
                OnStep = log => { parts.Add(StepClock.Take()); logs.Add(log); },
            };
            long before = Processor.Memory;
            trainer.Run(save: false);
            int best = Enumerable.Range(1, logs.Count - 1).MinBy(i => logs[i].Seconds);
            Console.WriteLine(new JsonObject
            {
                ["peak"] = Processor.PeakMemory, ["steps"] = logs[^1].PeakMemory, ["seconds"] = logs[best].Seconds, ["before"] = before, ["files"] = Processor.MemoryOfFiles(path), ["path"] = trainer.Path, ["expected"] = trainer.Plan?.PeakBytes, ["choice"] = trainer.Plan?.Describe(),
                ["parts"] = new JsonObject(parts[best].Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Math.Round(p.Value, 4)))),
            }.ToJsonString());
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    private static Adapter? AdapterOf(CausalLM model, RunSettings settings)
    {
        if (settings.Adapter is null) return null;
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("bench", LoraConfig.FromJson(settings.Adapter), 1, model.Spec.ModelType);
        host.Activate(("bench", 1));
        return adapter;
    }

    private static RunSettings Of(Case one, string model)
    {
        JsonObject tree = new() { ["model"] = model, ["batch_size"] = one.Rows, ["max_length"] = one.Length, ["max_steps"] = Steps };
        foreach (string assignment in one.More) SettingsBinder.Set(tree, assignment);
        var settings = SettingsBinder.Bind(tree, needsData: false);
        return one.Evaluates ? settings with { EvalData = model } : settings; // a plan counts an evaluation where there is data for one
    }

    private static JsonObject Own(string verb, string name, string model)
    {
        ProcessStartInfo info = new(Environment.ProcessPath!, [verb, name, model]) { RedirectStandardOutput = true };
        using var process = Process.Start(info)!;
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonNode.Parse(text)!.AsObject() : throw new InvalidOperationException($"{verb} {name} ended with exit code {process.ExitCode.ToString(CultureInfo.InvariantCulture)}");
    }
}

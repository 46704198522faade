using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Cli.Bench;

/// <summary>
/// Training steps beside this machine's matrix product, in one run: the product before, after and between; each way of training in a process of its own, so that
/// its peak memory is honest.
/// </summary>
internal static class TrainBench
{
    private const string Embedded = "outlet", Lora = "lora", QLora = "qlora", Full = "full", Quantize = "quantize";
    private const int Size = 2048, Products = 10, DefaultLength = 512, MostBatches = 16;

    /// <summary>Ways of training.</summary>
    public static IReadOnlyList<string> Modes { get; } = [Lora, QLora, Full];

    /// <summary>Shapes that need no download; the embedded base has its own weights.</summary>
    public static IReadOnlyList<string> Shapes { get; } = [.. PublishedShapes.Names, Embedded];

    /// <summary>Measures all.</summary>
    /// <returns>What --json prints; a mode that was not asked for is null, one that could not be measured has its `reason`.</returns>
    /// <exception cref="BadInputException">Model or settings cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Stopped; the temporary files are gone.</exception>
    public static JsonObject Run(TrainBenchRequest request, CancellationToken stop)
    {
        NativeTensors.EnsureLoaded();
        if (request.Threads > 0) set_num_threads(request.Threads);
        using var folder = new ScratchFolder();
        return Measure(request, folder, stop);
    }

    private static JsonObject Measure(TrainBenchRequest request, ScratchFolder folder, CancellationToken stop)
    {
        var dtype = Processor.ParseDType(request.Dtype, CPU);
        var product = Processor.HasBFloat16 ? dtype : ScalarType.Float32; // without bfloat16 units, libtorch's bfloat16 product is no ceiling of anything
        var (model, spec) = Model(request, folder);
        int length = request.Length ?? Math.Min(DefaultLength, spec.MaxPositions);
        if (length > spec.MaxPositions) throw new BadInputException("rows longer than the model has positions", length.ToString(CultureInfo.InvariantCulture), "--length", $"at most {spec.MaxPositions}");
        WriteRows(folder.At("rows.jsonl"), request.Batch * Math.Min(request.Steps + 1, MostBatches), length, spec.VocabularySize);
        var settings = request.Modes.ToDictionary(m => m, m => Settings(request, m, model, folder, length, Name(dtype)));
        foreach (var tree in settings.Values) SettingsBinder.Bind((JsonObject)tree.DeepClone()); // every mistake shows before anything is measured

        void Say(string text) { if (!request.Quiet) Output.Line(true, text); }
        if (request.Shape is not null and not Embedded)
        {
            Say($"Writing random weights of {request.Shape} to {model}");
            RandomModel.Write(model, PublishedShapes.Config(request.Shape), stop: stop);
        }
        stop.ThrowIfCancellationRequested();
        double before = Processor.MeasureProduct(product, Size, Products), ceiling = before, after = before, bandwidth = Processor.MeasureBandwidth();
        JsonObject report = new()
        {
            ["shape"] = request.Shape, ["model"] = request.Model, ["batch"] = request.Batch, ["length"] = length, ["rank"] = request.Rank, ["steps"] = request.Steps,
            ["processor"] = Processor.Name, ["threads"] = get_num_threads(), ["dtype"] = Name(dtype), ["ceiling_dtype"] = Name(product), ["ceiling_gflops"] = null, ["ceiling_before_gflops"] = before / 1e9, ["ceiling_after_gflops"] = null, ["bandwidth_gb_per_s"] = bandwidth / 1e9,
        };
        foreach (string mode in Modes)
        {
            if (!request.Modes.Contains(mode)) report[mode] = null;
            else if (mode == Full && TooLarge(model) is { } reason) report[mode] = Absent(reason, failed: false);
            else report[mode] = Measure(mode, settings[mode], folder, request, Say, stop);
            if (report[mode]?["tokens_per_second"] is null) continue;
            after = Processor.MeasureProduct(product, Size, Products);
            ceiling = Math.Max(ceiling, after);
        }
        (report["ceiling_gflops"], report["ceiling_after_gflops"]) = (ceiling / 1e9, after / 1e9);
        foreach (string mode in Modes)
            if (report[mode]?["tokens_per_second"] is { } rate)
                report[mode]!["share_of_ceiling"] = Operations(mode) * (double)(long)report[mode]!["parameters"]! * (double)rate / ceiling;
        return report;
    }

    /// <summary>Of a parameter and token: two forward, two for the gradient of the inputs, and two for its own where it is trained.</summary>
    private static double Operations(string mode) => mode == Full ? 6 : 4;

    private static string Name(ScalarType dtype) => dtype == ScalarType.BFloat16 ? "bfloat16" : "float32";

    // Weights, gradients and two moments in float32, beside the mapped bfloat16 weights; the activations come on top. A machine that ran out of memory would end other programs too.
    private static string? TooLarge(string model)
    {
        double needed = 18.0 * ModelLoader.Describe(model).ParameterCount, there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return needed < 0.8 * there ? null : $"weights, gradients and moments alone take {Output.Bytes(needed)} of this machine's {Output.Bytes(there)}";
    }

    /// <summary>Where the model lies or will lie, and what it is.</summary>
    private static (string Path, DecoderSpec Spec) Model(TrainBenchRequest request, ScratchFolder folder)
    {
        if (request.Shape is null or Embedded)
        {
            string path = ModelPlace.Of(request.Model ?? Embedded);
            return (path, ModelLoader.Describe(path).Spec);
        }
        string made = folder.At("model");
        Directory.CreateDirectory(made);
        return (made, FamilyTable.Describe(PublishedShapes.Config(request.Shape), request.Shape));
    }

    private static JsonObject Settings(TrainBenchRequest request, string mode, string model, ScratchFolder folder, int length, string dtype)
    {
        JsonObject tree = new()
        {
            ["model"] = model, ["data"] = folder.At("rows.jsonl"), ["max_steps"] = request.Steps + 1, ["batch_size"] = request.Batch, ["max_length"] = length, ["dtype"] = dtype, ["data_cache"] = "off",
            ["adapter"] = mode == Full ? null : new JsonObject { ["peft_type"] = "LORA", ["r"] = request.Rank, ["lora_alpha"] = 2 * request.Rank, ["target_modules"] = "all-linear" },
        };
        if (mode == QLora) tree[Quantize] = request.Quantize;
        if (request.Memory is not null) tree["memory"] = request.Memory;
        return tree;
    }

    private static JsonObject Measure(string mode, JsonObject settings, ScratchFolder folder, TrainBenchRequest request, Action<string> say, CancellationToken stop)
    {
        say($"{mode}: {request.Steps + 1} steps");
        string config = folder.At(mode + ".yaml"), run = folder.At(mode + "-run");
        AtomicFile.WriteText(config, settings.ToJsonString()); // JSON is YAML
        string[] more = request.Quiet ? ["--quiet"] : [];
        var (code, text) = OwnProcess.Run(["bench", "step", "--config", config, "--output", run, "--device", "cpu", "--threads", request.Threads.ToString(CultureInfo.InvariantCulture), "--json", .. more], stop);
        var answer = text.Length == 0 ? null : JsonNode.Parse(text) as JsonObject;
        if (code == 2 && answer is not null) throw Unpack(answer);
        return code == 0 && answer is not null ? answer : Absent((string?)answer?["error"]?["message"] ?? $"its process ended with exit code {code}{(code is 137 or -9 ? ", as one does that the system ends for want of memory" : "")}", failed: true);
    }

    /// <summary>An error on its way from the process that measures.</summary>
    public static JsonObject Pack(BadInputException e) => new() { ["problem"] = e.Problem, ["value"] = e.Value, ["place"] = e.Place, ["expected"] = e.Expected, ["remedy"] = e.Remedy };

    private static BadInputException Unpack(JsonObject error) => new((string?)error["problem"] ?? "the settings cannot be used", (string?)error["value"], (string?)error["place"], (string?)error["expected"], (string?)error["remedy"]);

    /// <summary>A mode without figures.</summary>
    private static JsonObject Absent(string reason, bool failed) => new()
    {
        ["tokens_per_second"] = null, ["step_seconds"] = null, ["share_of_ceiling"] = null, ["peak_bytes"] = null, ["parts"] = null, ["failed"] = failed, ["reason"] = reason,
    };

    // Every token a target; a row's labels are its own ids.
    private static void WriteRows(string path, int count, int length, int vocabulary) => AtomicFile.Write(path, stream =>
    {
        for (int row = 0; row < count; row++)
        {
            int[] ids = [.. Enumerable.Range(0, length).Select(t => (int)(SplitMix.At(1, row, t) % (ulong)vocabulary))];
            stream.Write(JsonSerializer.SerializeToUtf8Bytes(new { input_ids = ids, labels = ids }));
            stream.Write("\n"u8);
        }
    });
}

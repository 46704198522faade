using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>A LoRA training step of SmolLM2-135M's shape against this machine's matrix product, both measured in one run.</summary>
internal static class StepBench
{
    private const int Batch = 4, Length = 512, Rank = 16;

    /// <summary>Trains a few steps (the first one warms up and does not count), then prints the best.</summary>
    public static void Run(int steps)
    {
        NativeTensors.EnsureLoaded();
        string folder = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;
        try
        {
            var dtype = Processor.AutoDType(CPU);
            string name = dtype == ScalarType.BFloat16 ? "bfloat16" : "float32";
            Say($"processor: {Processor.Name}, {get_num_threads()} threads, {name}");
            double ceiling = Ceiling(dtype);
            Say($"matrix product 2048 x 2048 x 2048, before: {ceiling / 1e9:0} GFLOP/s");
            Shape.SmolLM2.Write(Path.Combine(folder, "model"));
            var (parameters, logs) = Train(Path.Combine(folder, "model"), Path.Combine(folder, "run"), name, steps + 1);
            double after = Ceiling(dtype);
            Say($"matrix product 2048 x 2048 x 2048, after: {after / 1e9:0} GFLOP/s");
            var best = logs.Skip(1).MaxBy(l => l.TokensPerSecond)!;
            double share = 4.0 * parameters * best.TokensPerSecond / Math.Max(ceiling, after);
            Say($"LoRA rank {Rank} on all linear layers of {parameters / 1e6:0.0} M parameters, {Batch} x {Length} tokens, best of {steps} steps:");
            Say($"  {best.TokensPerSecond:0} tokens/s, {best.Seconds:0.00} s a step, peak memory {best.PeakMemory / 1048576.0:0} MiB");
            Say($"  4 x parameters x tokens/s = {share * 100:0.0} % of the matrix product's rate");
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    private static (long Parameters, List<StepLog> Logs) Train(string model, string run, string dtype, int steps)
    {
        var settings = new RunSettings { Model = model, BatchSize = Batch, MaxLength = Length, MaxSteps = steps, Dtype = dtype, Adapter = new JsonObject { ["r"] = Rank, ["lora_alpha"] = 2 * Rank, ["target_modules"] = "all-linear" } };
        using var loaded = ModelLoader.Load(model, Processor.ParseDType(dtype, CPU));
        var host = AdapterHost.Attach(loaded);
        var adapter = host.Add("bench", LoraConfig.FromJson(settings.Adapter!), 1, "llama");
        List<StepLog> logs = [];
        var folder = new RunFolder(run);
        folder.Begin(settings, force: false);
        Processor.ResetPeakMemory();
        var trainer = new Trainer(settings, loaded, new AdapterTrainable(loaded, adapter), Rows(loaded.Spec.VocabularySize), null, folder) { OnStep = logs.Add };
        Say($"path {trainer.Path}: {trainer.PathReason}");
        trainer.Run();
        long parameters = loaded.ParameterCount;
        host.Detach();
        return (parameters, logs);
    }

    /// <summary>Rows of random tokens, each a target.</summary>
    private static RowSet Rows(int vocabulary)
        => new("random", [.. Enumerable.Range(0, 64).Select(row => (int[])[.. Enumerable.Range(0, Length).Select(t => (int)(SplitMix.At(1, row, t) % (ulong)vocabulary))]).Select(ids => new Row(ids, ids))], "random");

    /// <summary>FLOP/s of a product of two 2048 x 2048 matrices, best of 10.</summary>
    private static double Ceiling(ScalarType dtype) => Processor.MeasureProduct(dtype, 2048, 10);

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}

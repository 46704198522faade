using LowRank.Tensors;
using TorchSharp;
using static LowRank.Bench.MeasuredRun;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>A LoRA training step of SmolLM2-135M's shape against this machine's matrix product, both measured in one run.</summary>
internal static class StepBench
{
    private const int Batch = 4, Length = 512;

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
            var settings = Settings(Path.Combine(folder, "model"), name) with { BatchSize = Batch, MaxLength = Length, MaxSteps = steps + 1 };
            var (parameters, logs) = Train(settings, Rows(Shape.SmolLM2.Vocabulary, Enumerable.Repeat(Length, 64)), Path.Combine(folder, "run"));
            double after = Ceiling(dtype);
            Say($"matrix product 2048 x 2048 x 2048, after: {after / 1e9:0} GFLOP/s");
            var best = logs.Skip(1).MaxBy(l => l.TokensPerSecond)!;
            double share = 4.0 * parameters * best.TokensPerSecond / Math.Max(ceiling, after);
            Say($"LoRA rank {settings.Adapter!["r"]} on all linear layers of {parameters / 1e6:0.0} M parameters, {Batch} x {Length} tokens, best of {steps} steps:");
            Say($"  {best.TokensPerSecond:0} tokens/s, {best.Seconds:0.00} s a step, peak memory {best.PeakMemory / 1048576.0:0} MiB");
            Say($"  4 x parameters x tokens/s = {share * 100:0.0} % of the matrix product's rate");
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    /// <summary>FLOP/s of a product of two 2048 x 2048 matrices, best of 10.</summary>
    private static double Ceiling(ScalarType dtype) => Processor.MeasureProduct(dtype, 2048, 10);
}

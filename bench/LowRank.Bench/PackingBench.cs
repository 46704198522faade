using LowRank.Models;
using LowRank.Tensors;
using LowRank.Training;
using TorchSharp;
using static LowRank.Bench.MeasuredRun;
using static TorchSharp.torch;

namespace LowRank.Bench;

/// <summary>The same rows of mixed length padded, padding-free and packed: real tokens a second, measured in turns in one run.</summary>
internal static class PackingBench
{
    private const int Count = 48, BatchSize = 8, MaxLength = 1024, Median = 150, Shortest = 20, Longest = 1000, Vocabulary = 49152;

    private static readonly (string Name, Func<RunSettings, RunSettings> Change)[] Ways =
    [
        ("padded", s => s),
        ("padding-free", s => s with { PaddingFree = true }),
        ("packed", s => s with { Packing = true, BatchSize = 2 }), // two sequences of 1024 hold about as many tokens as eight of these rows
    ];

    /// <summary>An epoch each way, <paramref name="passes"/> times in turns; prints the best epoch of each (processor time too, which other programs disturb less).</summary>
    /// <param name="passes">Times.</param>
    /// <param name="model">A folder or .gguf; null: random weights of SmolLM2-135M's shape.</param>
    public static void Run(int passes, string? model)
    {
        NativeTensors.EnsureLoaded();
        string folder = Directory.CreateTempSubdirectory("lowrank-bench-").FullName;
        try
        {
            string dtype = Processor.AutoDType(CPU) == ScalarType.BFloat16 ? "bfloat16" : "float32";
            Say($"processor: {Processor.Name}, {get_num_threads()} threads, {dtype}");
            if (model is null) RandomModel.Write(model = Path.Combine(folder, "model"), PublishedShapes.Config("smollm2-135m"));
            var rows = Rows(Vocabulary, Enumerable.Range(0, Count).Select(Length));
            int[] lengths = [.. rows.Rows.Select(r => r.InputIds.Length).Order()];
            Say($"{Count} rows of {lengths[0]} to {lengths[^1]} tokens, median {lengths[Count / 2]}, mean {lengths.Average():0}; batches of {BatchSize} rows, or 2 sequences of {MaxLength} tokens");
            var settings = Settings(model, dtype) with { BatchSize = BatchSize, MaxLength = MaxLength };
            double[] best = new double[Ways.Length], processor = [.. Enumerable.Repeat(double.PositiveInfinity, Ways.Length)];
            long[] memory = new long[Ways.Length];
            for (int pass = 0; pass < passes; pass++)
                for (int i = 0; i < Ways.Length; i++)
                {
                    var before = Environment.CpuUsage.TotalTime;
                    var logs = Train(Ways[i].Change(settings), rows, Path.Combine(folder, "run")).Logs;
                    best[i] = Math.Max(best[i], logs.Sum(l => l.Tokens) / logs.Sum(l => l.Seconds));
                    processor[i] = Math.Min(processor[i], (Environment.CpuUsage.TotalTime - before).TotalSeconds);
                    memory[i] = logs[^1].PeakMemory;
                    Say($"  {Ways[i].Name}: {logs.Count} steps, {logs.Sum(l => l.Tokens)} tokens, {logs.Sum(l => l.Seconds):0.0} s");
                }
            for (int i = 0; i < Ways.Length; i++)
                Say($"{Ways[i].Name,-13} {best[i],6:0} tokens/s, {best[i] / best[0]:0.00} x; processor time {processor[i]:0.0} s, {processor[0] / processor[i]:0.00} x; peak memory {memory[i] / 1048576.0:0} MiB");
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    // Log-normal with a deviation of 1, as chat data is skewed: most rows short, a few near the limit.
    private static int Length(int row)
    {
        double u = ((SplitMix.At(2, row, 0) >> 11) + 1) * (1.0 / (1L << 53)), v = (SplitMix.At(2, row, 1) >> 11) * (1.0 / (1L << 53));
        return (int)Math.Clamp(Median * Math.Exp(Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(2 * Math.PI * v)), Shortest, Longest);
    }
}

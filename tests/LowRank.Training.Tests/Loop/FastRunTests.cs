using System.Text.Json.Nodes;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Whole runs by hand: the same bits every time, an untouched base, memory that stays.</summary>
public class FastRunTests
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("LOWRANK_STRESS") is not null;

    [Theory]
    [InlineData("float32", 1, null)]
    [InlineData("float32", 2, null)]
    [InlineData("bfloat16", 1, null)]
    [InlineData("bfloat16", 2, null)]
    [InlineData("bfloat16", 2, "nf4")]
    public void The_same_seed_and_threads_give_the_same_bits_and_the_base_keeps_its_own(string dtype, int threads, string? quantize)
    {
        int before = get_num_threads();
        set_num_threads(threads);
        try
        {
            string temporary = Paths.Temporary();
            var settings = Settings(temporary, rows: 40, longest: 90) with { Dtype = dtype, Quantize = quantize, MaxSteps = 3, GradientAccumulationSteps = 2 };
            var (losses, tensors) = Run(settings, Path.Combine(temporary, "first"));
            var (again, same) = Run(settings, Path.Combine(temporary, "second"));
            Assert.Equal(losses, again);
            foreach (var (key, bytes) in tensors) Assert.True(bytes.AsSpan().SequenceEqual(same[key]), key);
            Directory.Delete(temporary, recursive: true);
        }
        finally { set_num_threads(before); }
    }

    private static (List<string> Losses, Dictionary<string, byte[]> Tensors) Run(RunSettings settings, string folder)
    {
        using var run = new TestRun(settings, folder);
        List<string> losses = [];
        var trainer = run.Trainer(log => losses.Add($"{log.Loss:r} {log.GradNorm:r}"));
        Assert.Equal("fast", trainer.Path);
        byte[][] Base() => [.. run.Model.Weights().Select(w => w.Parameter.bytes.ToArray()), .. run.Model.QuantizedWeights().Select(w => w.Weight.Dequantize(ScalarType.Float32).bytes.ToArray())];
        using var scope = NewDisposeScope();
        byte[][] before = Base();
        trainer.Run();
        byte[][] after = Base();
        Assert.True(before.Length == after.Length && before.Length > 10);
        for (int i = 0; i < before.Length; i++) Assert.True(before[i].AsSpan().SequenceEqual(after[i]), $"weight {i} of the base has changed");
        return (losses, run.Trainable.Tensors.ToDictionary(t => t.Key, t => t.Tensor.bytes.ToArray()));
    }

    /// <summary>200 steps; 10,000 where LOWRANK_STRESS is set. Rotary frequencies that follow a row's length are made for every length there is.</summary>
    [Theory]
    [InlineData("llama")]
    [InlineData("llama-dynamic")]
    public void Memory_stays_flat(string model)
    {
        int steps = Long ? 10_000 : 200;
        string temporary = Paths.Temporary();
        var settings = Settings(temporary, rows: 300, longest: 150) with { Model = Paths.Golden("models/" + model), Dtype = "float32", MaxSteps = steps };
        using var run = new TestRun(settings, Path.Combine(temporary, "run"));
        (long Tensors, long Resident) early = default, late = default;
        var trainer = run.Trainer(log =>
        {
            if (log.Step == steps / 2) early = Held();
            if (log.Step == steps) late = Held();
        });
        Assert.Equal("fast", trainer.Path);
        Assert.True(trainer.Run().Finished);
        Assert.Equal(early.Tensors, late.Tensors);
        if (OperatingSystem.IsLinux()) Assert.True(late.Resident < early.Resident + (8 << 20), $"{early.Resident >> 10} kB half-way, {late.Resident >> 10} kB at the end");
        Directory.Delete(temporary, recursive: true);
    }

    private static (long, long) Held()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long resident = 0;
        if (OperatingSystem.IsLinux())
            resident = long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;
        return (Tensor.TotalCount, resident);
    }

    private static RunSettings Settings(string temporary, int rows, int longest)
    {
        var random = new Random(8);
        string data = Path.Combine(temporary, "rows.jsonl");
        File.WriteAllLines(data, Enumerable.Range(0, rows).Select(_ => new JsonObject { ["input_ids"] = new JsonArray([.. Enumerable.Range(0, random.Next(3, longest)).Select(_ => (JsonNode)random.Next(3, 256))]) }.ToJsonString()));
        return new()
        {
            Model = Paths.Golden("models/llama"), Data = data, BatchSize = 4, LearningRate = 1e-3, MaxLength = 160, Seed = 2,
            Adapter = new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8, ["target_modules"] = "all-linear" },
        };
    }
}

using System.Text.Json.Nodes;
using LowRank.TestKit;
using TorchSharp;

namespace LowRank.Training.Tests;

/// <summary>TorchSharp frees what managed code no longer holds, even while native code reads it. Training must survive another thread that allocates without pause.</summary>
public class GcStressTests
{
    /// <summary>Steps of the stress run; the long one is LOWRANK_STRESS=2000.</summary>
    private static int Steps => int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_STRESS"), out int n) ? n : 60;

    [Theory, InlineData(null, false), InlineData("nf4", false), InlineData(null, true), InlineData("nf4", true)]
    public void Training_survives_an_allocating_thread_and_its_memory_stays_flat(string? quantize, bool byHand)
    {
        string temporary = Paths.Temporary();
        var settings = new RunSettings
        {
            Model = Paths.Golden("models/llama"), Data = TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 40, 256, seed: 7),
            Adapter = new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8, ["lora_dropout"] = byHand ? 0.0 : 0.1, ["target_modules"] = "all-linear" },
            BatchSize = 4, MaxSteps = Steps, LearningRate = 1e-3, Dtype = "float32", Quantize = quantize,
        };
        using var stop = new CancellationTokenSource();
        object[] kept = new object[4096];
        var allocator = new Thread(() => { for (int i = 0; !stop.IsCancellationRequested; i++) kept[i & 4095] = new byte[5000 + (i & 1023)]; }) { IsBackground = true };
        allocator.Start();
        long after = 0, collections = GC.CollectionCount(0);
        try
        {
            using var run = new TestRun(settings, Path.Combine(temporary, "run"));
            List<double> losses = [];
            long at10 = 0;
            var trainer = run.Trainer(log =>
            {
                losses.Add(log.Loss);
                if (log.Step == Math.Min(10, Steps / 2)) at10 = torch.Tensor.TotalCount;
                after = torch.Tensor.TotalCount;
            });
            Assert.Equal(byHand ? "fast" : "autograd", trainer.Path);
            Assert.True(trainer.Run().Finished);
            Assert.All(losses, l => Assert.True(double.IsFinite(l)));
            Assert.True(after <= at10 + 50, $"{at10} tensors alive early, {after} at the end");
            Assert.True(GC.CollectionCount(0) > collections, "the other thread caused no collections, so this shows nothing");
        }
        finally { stop.Cancel(); }
        Directory.Delete(temporary, recursive: true);
    }
}

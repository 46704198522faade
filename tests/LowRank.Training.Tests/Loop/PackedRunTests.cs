using System.Text.Json.Nodes;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Whole runs of packed and padding-free batches.</summary>
public class PackedRunTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_padding_free_run_is_the_padded_one(bool fast)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary) with { EvalData = TestRun.RandomRows(Path.Combine(temporary, "eval.jsonl"), 7, 256, seed: 5), EvalSteps = 5, GradientCheckpointing = !fast };
        var (padded, paddedTensors) = Run(settings, Path.Combine(temporary, "padded"), fast);
        var (free, freeTensors) = Run(settings with { PaddingFree = true }, Path.Combine(temporary, "free"), fast);
        Assert.Equal(padded.Select(l => (l.Tokens, l.TargetTokens, l.Epoch)), free.Select(l => (l.Tokens, l.TargetTokens, l.Epoch)));
        for (int i = 0; i < padded.Count; i++)
        {
            Assert.Equal(padded[i].Loss, free[i].Loss, 1e-5 * padded[i].Loss);
            Assert.Equal(padded[i].GradNorm, free[i].GradNorm, 1e-4 * padded[i].GradNorm);
        }
        foreach (var (key, expected) in paddedTensors)
            Assert.True(expected.Zip(freeTensors[key], (a, b) => Math.Abs(a - b)).Max() <= 1e-3 * expected.Max(Math.Abs), key);
        Directory.Delete(temporary, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_packed_run_reads_every_row_once_an_epoch_and_learns(bool fast)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary) with { Packing = true, MaxLength = 40, BatchSize = 2, GradientAccumulationSteps = 2, MaxSteps = -1, NumTrainEpochs = 6, LearningRate = 1e-2 };
        long tokens = RowReader.Read(settings.Data.ToString(), 256).Sum(r => (long)r.InputIds.Length), targets = RowReader.Read(settings.Data.ToString(), 256).Sum(r => (long)r.TargetCount);
        var (log, _) = Run(settings, Path.Combine(temporary, "run"), fast);
        Assert.Equal(6.0, log[^1].Epoch);
        var epochs = log.GroupBy(l => Math.Ceiling(l.Epoch - 1e-9)).ToList();
        Assert.Equal(6, epochs.Count);
        Assert.All(epochs, e => Assert.Equal((tokens, targets), (e.Sum(l => l.Tokens), e.Sum(l => l.TargetTokens))));
        Assert.True(log[^1].Loss < log[0].Loss - 0.1, $"{log[0].Loss} {log[^1].Loss}");
        Directory.Delete(temporary, recursive: true);
    }

    private static RunSettings Settings(string temporary) => new()
    {
        Model = Paths.Golden("models/llama"), Data = TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 31, 256, seed: 3),
        Adapter = new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8, ["target_modules"] = "all-linear", ["init_lora_weights"] = false },
        BatchSize = 3, GradientAccumulationSteps = 2, MaxSteps = 10, LearningRate = 1e-3, Seed = 11, LrSchedulerType = "constant", MaxLength = 64, Dtype = "float32",
    };

    private static (List<StepLog> Log, Dictionary<string, float[]> Tensors) Run(RunSettings settings, string folder, bool fast)
    {
        using var run = new TestRun(settings, folder);
        List<StepLog> log = [];
        var trainer = run.Trainer(log.Add, allowFast: fast);
        Assert.Equal(fast ? "fast" : "autograd", trainer.Path);
        Assert.True(trainer.Run().Finished);
        using var scope = NewDisposeScope();
        return (log, run.Trainable.Tensors.ToDictionary(t => t.Key, t => t.Tensor.detach().clone().data<float>().ToArray()));
    }
}

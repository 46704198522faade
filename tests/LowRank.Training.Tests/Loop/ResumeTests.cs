using System.Text.Json.Nodes;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>A stopped and resumed run is the uninterrupted one, bit for bit.</summary>
public class ResumeTests
{
    public static TheoryData<string, string, bool> Cases => new()
    {
        { "float32", "adamw", false }, { "bfloat16", "adamw", false }, { "float32", "sgd", false }, { "float32", "lion", false }, { "float32", "adafactor", false }, { "float32", "adamw", true },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_run_stopped_at_every_kind_of_step_ends_with_the_same_bytes(string dtype, string optimizer, bool full)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary, full) with { Dtype = dtype, Optim = optimizer };
        byte[] whole = Result(settings, Path.Combine(temporary, "whole"), []);
        byte[] stopped = Result(settings, Path.Combine(temporary, "stopped"), [1, 5, 6, 11]);
        Assert.Equal(whole, stopped);
        Assert.Equal(Losses(Path.Combine(temporary, "whole")), Losses(Path.Combine(temporary, "stopped")));
        Directory.Delete(temporary, recursive: true);
    }

    [Theory]
    [InlineData("float32", "adamw", null)]
    [InlineData("bfloat16", "adamw", null)]
    [InlineData("float32", "lion", "nf4")]
    [InlineData("bfloat16", "adamw", "int8")]
    public void So_does_one_computed_by_hand(string dtype, string optimizer, string? quantize)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary, full: false) with { Dtype = dtype, Optim = optimizer, Quantize = quantize };
        settings.Adapter!["lora_dropout"] = 0.0;
        byte[] whole = Result(settings, Path.Combine(temporary, "whole"), [], "fast");
        Assert.Equal(whole, Result(settings, Path.Combine(temporary, "stopped"), [1, 5, 6, 11], "fast"));
        Assert.Equal(Losses(Path.Combine(temporary, "whole")), Losses(Path.Combine(temporary, "stopped")));
        Directory.Delete(temporary, recursive: true);
    }

    [Theory]
    [InlineData("packing", true)]
    [InlineData("packing", false)]
    [InlineData("padding_free", true)]
    [InlineData("group_by_length", false)]
    public void So_does_one_whose_batches_follow_lengths(string setting, bool fast)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary, full: false) with { Packing = setting == "packing", PaddingFree = setting == "padding_free", GroupByLength = setting == "group_by_length", MaxLength = 48, BatchSize = 2, Dtype = "float32" };
        if (fast) settings.Adapter!["lora_dropout"] = 0.0;
        byte[] whole = Result(settings, Path.Combine(temporary, "whole"), [], fast ? "fast" : "autograd");
        Assert.Equal(whole, Result(settings, Path.Combine(temporary, "stopped"), [1, 4, 11]));
        Assert.Equal(Losses(Path.Combine(temporary, "whole")), Losses(Path.Combine(temporary, "stopped")));
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void So_does_one_on_stored_rows_of_weighted_sources()
    {
        string temporary = Paths.Temporary(), other = Path.Combine(temporary, "other.jsonl");
        TestRun.RandomRows(other, 9, 256, seed: 5);
        var settings = Settings(temporary, full: false) with { DataCache = "on", Dtype = "float32" };
        settings = settings with { Data = new DataSources(new DataSource(settings.Data.ToString(), 0.6), new DataSource(other, 1.5)) };
        byte[] whole = Result(settings, Path.Combine(temporary, "whole"), []);
        Assert.Equal(whole, Result(settings, Path.Combine(temporary, "stopped"), [1, 5, 6, 11]));
        Assert.Equal(whole, Result(settings with { DataCache = "off" }, Path.Combine(temporary, "memory"), [3]));
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void A_run_that_died_goes_on_from_its_newest_checkpoint_and_logs_each_step_once()
    {
        string temporary = Paths.Temporary();
        var settings = Settings(temporary, full: false) with { SaveSteps = 4 };
        byte[] whole = Result(settings, Path.Combine(temporary, "whole"), []);
        string folder = Path.Combine(temporary, "died");
        using (var run = new TestRun(settings, folder))
            Assert.Throws<OperationCanceledException>(() => run.Trainer(log => { if (log.Step == 7) throw new OperationCanceledException(); }).Run());
        File.AppendAllText(Path.Combine(folder, "log.jsonl"), "{\"step\": 8, \"lo"); // the line a kill cut short
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints", "step-8.tmp-x")); // and the checkpoint it left unfinished
        using (var run = new TestRun(settings, folder, resume: true))
        {
            List<int> steps = [];
            Assert.True(run.Trainer(log => steps.Add(log.Step)).Run().Finished);
            Assert.Equal(5, steps[0]);
        }
        Assert.Equal(whole, File.ReadAllBytes(Path.Combine(folder, "adapter", "adapter_model.safetensors")));
        Assert.Equal(Enumerable.Range(1, 14), new RunFolder(folder).ReadLog().Where(l => l.ContainsKey("loss")).Select(l => (int)l["step"]!));
        Directory.Delete(temporary, recursive: true);
    }

    [Theory]
    [InlineData("{\"step\": 2")]
    [InlineData("null")]
    [InlineData("{\"loss\": 2}")]
    [InlineData("")]
    public void A_damaged_line_within_the_log_is_told_and_the_lines_behind_it_stay(string line)
    {
        var folder = new RunFolder(Paths.Temporary());
        string text = $"{{\"step\": 1}}\n{line}\n{{\"step\": 3}}\n";
        File.WriteAllText(folder.LogFile, text);
        string error = Assert.Throws<Tensors.BadInputException>(() => folder.TruncateLog(3)).Message;
        Assert.StartsWith(folder.LogFile + ":2: a line of the log is damaged", error, StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(folder.LogFile));
        File.WriteAllText(folder.LogFile, "{\"step\": 1}\n{\"step\": 3}"); // as an editor may leave it
        Assert.Equal([1, 3], folder.ReadLog().Select(l => (int)l["step"]!));
    }

    [Fact]
    public void Changed_data_is_refused_on_resume()
    {
        string temporary = Paths.Temporary(), folder = Path.Combine(temporary, "run");
        var settings = Settings(temporary, full: false);
        using (var run = new TestRun(settings, folder))
        {
            using var stop = new CancellationTokenSource();
            run.Trainer(log => { if (log.Step == 3) stop.Cancel(); }).Run(stop.Token);
        }
        TestRun.RandomRows(settings.Data.ToString(), 20, 256, seed: 99);
        using (var run = new TestRun(settings, folder, resume: true))
            Assert.Contains("the rows have changed", Assert.Throws<Tensors.BadInputException>(() => run.Trainer(null).Run()).Message);
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void The_best_weights_are_kept_and_a_run_without_gain_ends_early()
    {
        string temporary = Paths.Temporary(), folder = Path.Combine(temporary, "run");
        var settings = Settings(temporary, full: false) with
        {
            EvalData = TestRun.RandomRows(Path.Combine(temporary, "eval.jsonl"), 6, 256, seed: 5), EvalSteps = 2, LoadBestModelAtEnd = true, EarlyStoppingPatience = 2,
            LearningRate = 0.3, LrSchedulerType = "constant", MaxSteps = 40, SaveTotalLimit = 1, SaveSteps = 2,
        };
        using var run = new TestRun(settings, folder);
        var outcome = run.Trainer(null).Run();
        var evals = run.Folder.ReadLog().Where(l => l.ContainsKey("eval_loss")).ToList();
        int best = (int)evals.MinBy(l => (double)l["eval_loss"]!)!["step"]!;
        Assert.Equal(best + 4, outcome.Step); // two evaluations of two steps without gain
        Assert.Contains(best, run.Folder.Steps);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "checkpoints", $"step-{best}", "adapter", "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(outcome.Result!, "adapter_model.safetensors")));
        Directory.Delete(temporary, recursive: true);
    }

    private static RunSettings Settings(string temporary, bool full) => new()
    {
        Model = Paths.Golden("models/llama-tied"), Data = TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 20, 256, seed: 3),
        Adapter = full ? null : new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8, ["lora_dropout"] = 0.2, ["target_modules"] = "all-linear" },
        BatchSize = 3, GradientAccumulationSteps = 2, MaxSteps = 14, WarmupSteps = 3, LearningRate = 1e-3, Seed = 11, LrSchedulerType = "cosine",
    };

    private static byte[] Result(RunSettings settings, string folder, int[] stops, string? path = null)
    {
        for (int i = 0; ; i++)
        {
            using var run = new TestRun(settings, folder, resume: i > 0);
            using var stop = new CancellationTokenSource();
            var trainer = run.Trainer(log => { if (i < stops.Length && log.Step == stops[i]) stop.Cancel(); });
            if (path is not null) Assert.Equal(path, trainer.Path);
            var outcome = trainer.Run(stop.Token);
            if (outcome.Finished) return File.ReadAllBytes(Path.Combine(outcome.Result!, settings.Adapter is null ? "model.safetensors" : "adapter_model.safetensors"));
            Assert.Equal(stops[i], outcome.Step);
        }
    }

    private static IEnumerable<string> Losses(string folder) => new RunFolder(folder).ReadLog().Select(l => $"{l["step"]} {l["loss"]} {l["grad_norm"]} {l["learning_rate"]}");
}

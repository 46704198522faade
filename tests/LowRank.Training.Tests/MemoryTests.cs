using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>The setting `memory`: what is chosen by it changes no result, what is planned is what is taken, and what cannot be is refused before any work.</summary>
public class MemoryTests
{
    [Theory]
    [InlineData("1.5GB", 1_500_000_000)]
    [InlineData("800 MiB", 800L << 20)]
    [InlineData("2gib", 2L << 30)]
    [InlineData("64kb", 64_000)]
    [InlineData("1e9", 1_000_000_000)]
    [InlineData("12B", 12)]
    public void Amounts_are_read_with_their_units(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text, "memory"));

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("-1GB")]
    [InlineData("1.5 XB")]
    [InlineData("NaN")]
    [InlineData("all")]
    public void What_is_no_amount_is_refused(string text)
    {
        var error = Assert.Throws<BadInputException>(() => SettingsBinder.Bind(new JsonObject { ["model"] = "m", ["memory"] = text }, needsData: false));
        Assert.Contains("memory", error.Message);
        Assert.Contains("1.5GB", error.Message);
    }

    [Theory]
    [InlineData("llama", "all-linear", 64, 3)]
    [InlineData("qwen2", "all-linear", 200, 2)]
    [InlineData("mistral", "q_proj,v_proj", 64, 4)]
    public void The_step_takes_exactly_the_bytes_that_were_planned(string name, string targets, int length, int rows)
    {
        using var run = new TestRun(Settings(name, targets, "x"), Paths.Temporary());
        var (model, adapter) = (run.Model, run.Trainable.Adapter!);
        foreach (bool again in (bool[])[false, true])
        {
            using var probe = new FastStep(model, adapter);
            var widths = probe.Widths;
            int many = FastPlan.Rows(256, length, (long)rows * length);
            long limit = FastPlan.Bytes(widths, model.Spec, many, length, probe.Blocks, again ? 1 : probe.Blocks);
            using var step = new FastStep(model, adapter, plan: new FastPlan(256, limit));
            step.Run(Batch.Of([.. Enumerable.Range(0, rows).Select(r => RowOf(length, r))], 0), 1, 0);
            Assert.Equal(again ? 1 : probe.Blocks, step.KeptBlocks);
            Assert.Equal(limit, step.Activations);
        }
    }

    [Theory]
    [InlineData("llama", true)]
    [InlineData("llama-tied", true)]
    [InlineData("gpt2", false)]
    [InlineData("llama", false)]
    public void Running_blocks_again_and_smaller_pieces_change_no_loss(string name, bool fast)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(name, "all-linear", TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 12, 256, seed: 3));
        var plain = Run(settings, Path.Combine(temporary, "plain"), fast, out var none);
        Assert.Null(none);
        long least = long.MaxValue;
        using (var probe = new TestRun(settings, Path.Combine(temporary, "probe")))
            least = Planner.Make(probe.Model, probe.Trainable.Adapter, new PlanRequest(settings, settings.BatchSize, 17) { Limit = 1, Runtime = 0, AllowFast = fast }).SmallestBytes;
        // Far below what the process holds already: the limit is put so that the plan has nothing left but its smallest.
        using var run = new TestRun(settings with { Memory = "1TB" }, Path.Combine(temporary, "run"));
        var plan = Planner.Make(run.Model, run.Trainable.Adapter, new PlanRequest(settings, settings.BatchSize, 17) { Limit = least, Runtime = 0, AllowFast = fast });
        Assert.Equal(least, plan.PeakBytes);
        Assert.Equal(0, plan.KeptBlocks);
        List<StepLog> log = [];
        var trainer = new Trainer(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), run.Model.Spec.VocabularySize, null), null, run.Folder, fast, plan) { OnStep = log.Add };
        trainer.Run();
        Assert.Equal(plain.Count, log.Count);
        for (int i = 0; i < log.Count; i++)
        {
            Assert.Equal(plain[i].Loss, log[i].Loss, 1e-6 * plain[i].Loss);
            Assert.Equal(plain[i].GradNorm, log[i].GradNorm, 1e-4 * plain[i].GradNorm);
        }
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void Gradient_checkpointing_runs_every_block_again_in_the_step_by_hand_too()
    {
        string temporary = Paths.Temporary();
        var settings = Settings("llama", "all-linear", TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 12, 256, seed: 6));
        var plain = Run(settings, Path.Combine(temporary, "plain"), true, out _);
        var again = Run(settings with { GradientCheckpointing = true }, Path.Combine(temporary, "again"), true, out _);
        for (int i = 0; i < plain.Count; i++) Assert.Equal((plain[i].Loss, plain[i].GradNorm), (again[i].Loss, again[i].GradNorm)); // the same sums in the same order

        using var run = new TestRun(settings, Path.Combine(temporary, "run"));
        var host = run.Trainable.Adapter!;
        using FastStep kept = new(run.Model, host), none = new(run.Model, host, allAgain: true);
        int[] ids = [.. Enumerable.Range(1, 20)];
        var batch = Batch.Of([new Row(ids, ids)], 0);
        Assert.Equal(kept.Run(batch, 1, 0).Loss, none.Run(batch, 1, 0).Loss);
        Assert.Equal(kept.Blocks, kept.KeptBlocks);
        Assert.Equal(0, none.KeptBlocks);
        Assert.True(none.Activations < kept.Activations);
        Directory.Delete(temporary, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_resumed_run_keeps_its_slices_whatever_would_fit_by_then(bool fast)
    {
        string temporary = Paths.Temporary();
        var settings = Settings("llama", "all-linear", TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 12, 256, seed: 8));
        float[] Train(string folder, int slice, int? stopAfter, bool resume)
        {
            using var run = new TestRun(settings, Path.Combine(temporary, folder), resume);
            using var stop = new CancellationTokenSource();
            var room = Planner.Make(run.Model, run.Trainable.Adapter, new PlanRequest(settings, settings.BatchSize, 17) { AllowFast = fast });
            var trainer = new Trainer(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), run.Model.Spec.VocabularySize, null), null, run.Folder, fast, room with { SliceTokens = slice })
            {
                OnStep = log => { if (log.Step == stopAfter) stop.Cancel(); },
            };
            trainer.Run(stop.Token);
            return [.. run.Trainable.Tensors.SelectMany(t => t.Tensor.detach().cpu().data<float>().ToArray())];
        }
        float[] whole = Train("whole", 20, null, resume: false), other = Train("other", 1024, null, resume: false);
        Train("parts", 20, 2, resume: false);
        Assert.Equal(whole, Train("parts", 1024, null, resume: true));
        Assert.NotEqual(whole, other); // the order of sums shows, or this test would say nothing
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void A_batch_is_cut_between_rows_and_between_documents()
    {
        Row[] rows = [RowOf(5, 1), RowOf(3, 2), RowOf(4, 3)];
        var padded = Batch.Of(rows, 0);
        Assert.Same(padded, Assert.Single(padded.Cut(15)));
        Batch[] parts = [.. padded.Cut(10)];
        Assert.Equal([(2, 5), (1, 5)], parts.Select(p => (p.B, p.T)));
        Assert.Equal(padded.Ids, parts.SelectMany(p => p.Ids));
        Assert.Equal(padded.TargetTokens, parts.Sum(p => p.TargetTokens));
        Batch[] documents = [.. Batch.EndToEnd(rows).Cut(8)];
        Assert.Equal([[5], [4, 3]], documents.Select(d => d.Documents!.ToArray()));
        Assert.Equal(Batch.EndToEnd(rows).Labels, documents.SelectMany(d => d.Labels));
        Assert.Equal(3, padded.Cut(1).Count());
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    public void Too_little_is_refused_before_any_work_and_the_message_says_how_much_would_do(string name)
    {
        string temporary = Paths.Temporary();
        var settings = Settings(name, "all-linear", TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 4, 256, seed: 3)) with { Memory = "10MB" };
        using var run = new TestRun(settings, Path.Combine(temporary, "run"));
        var error = Assert.Throws<BadInputException>(() => run.Trainer(null));
        Assert.Equal(("10MB", "memory"), (error.Value, error.Place));
        Assert.Matches(@"at least [\d.]+ [MG]B", error.Expected!);
        Assert.Contains("quantize", error.Remedy);
        Directory.Delete(temporary, recursive: true);
    }

    [Fact]
    public void A_limit_with_room_keeps_all_and_is_told()
    {
        string temporary = Paths.Temporary();
        var settings = Settings("llama", "all-linear", TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 4, 256, seed: 3)) with { Memory = "900GB" };
        using var run = new TestRun(settings, Path.Combine(temporary, "run"));
        var plan = run.Trainer(null).Plan!;
        Assert.Equal((plan.Blocks, 900_000_000_000L), (plan.KeptBlocks, plan.Limit));
        Assert.Contains($"all {plan.Blocks} blocks kept", plan.Describe());
        Assert.Equal(plan.PeakBytes, plan.Memory.Sum(m => m.Bytes));
        Directory.Delete(temporary, recursive: true);
    }

    private static Row RowOf(int length, int seed) => new([.. Enumerable.Range(0, length).Select(i => (i * 7 + seed * 13) % 200 + 3)], [.. Enumerable.Range(0, length).Select(i => (i * 7 + seed * 13) % 200 + 3)]);

    private static RunSettings Settings(string name, string targets, string data) => new()
    {
        Model = Paths.Golden("models/" + name), Data = data, BatchSize = 4, MaxSteps = 4, LearningRate = 1e-3, Dtype = "float32", MaxLength = 64, Seed = 5,
        Adapter = new JsonObject { ["r"] = 4, ["init_lora_weights"] = false, ["target_modules"] = targets == "all-linear" ? "all-linear" : new JsonArray([.. targets.Split(',').Select(t => (JsonNode)t)]) },
    };

    private static List<StepLog> Run(RunSettings settings, string folder, bool fast, out RunPlan? plan)
    {
        using var run = new TestRun(settings, folder);
        List<StepLog> log = [];
        var trainer = run.Trainer(log.Add, fast);
        plan = trainer.Plan;
        trainer.Run();
        return log;
    }
}

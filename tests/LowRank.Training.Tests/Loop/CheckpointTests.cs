using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>Which checkpoints are written, kept and gone on from.</summary>
public class CheckpointTests
{
    private readonly string _temporary = Paths.Temporary();

    [Theory]
    [InlineData("state.json", "gone", "state.json is missing")]
    [InlineData("optimizer.safetensors", "gone", "optimizer.safetensors is missing")]
    [InlineData("adapter", "gone", "adapter is missing")]
    [InlineData("adapter/adapter_model.safetensors", "cut", "adapter/adapter_model.safetensors is not as it was written")]
    [InlineData("optimizer.safetensors", "a bit", "optimizer.safetensors is not as it was written")]
    [InlineData(".lowrank.json", "gone", ".lowrank.json is missing")]
    public void A_damaged_newest_checkpoint_is_told_with_the_step_that_is_whole(string file, string damage, string expected)
    {
        var settings = Settings() with { SaveSteps = 4 };
        byte[] whole = Result(settings, At("whole"));
        Die(settings, At("run"), 10);
        string newest = At("run/checkpoints/step-8");
        Damage(Path.Combine(newest, file), damage);
        using (var run = new TestRun(settings, At("run"), resume: true))
        {
            var e = Assert.Throws<BadInputException>(() => run.Trainer(null).Run());
            Assert.Equal((newest, $"the newest checkpoint is damaged: {expected}"), (e.Place, e.Problem));
            Assert.Contains("`--resume --step 4`", e.Remedy);
            Assert.Contains("(got 7)", Assert.Throws<BadInputException>(() => run.Trainer(null, fromStep: 7).Run()).Message);
            Assert.Equal([4, 8], run.Folder.Steps); // nothing was touched
        }
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.True(run.Trainer(null, fromStep: 4).Run().Finished);
        Assert.Equal(whole, Adapter(At("run")));
        Assert.Equal(Enumerable.Range(1, 14), Logged(At("run")));
        Assert.True(Directory.Exists(At("run/set-aside/step-8")));
    }

    [Fact]
    public void A_model_in_a_checkpoint_s_place_is_no_checkpoint_and_is_never_deleted()
    {
        var settings = Settings() with { SaveSteps = 4, SaveTotalLimit = 1 };
        Die(settings, At("run"), 6);
        void Model(int step) => AtomicFile.WriteFolder(At($"run/checkpoints/step-{step}"),
            folder => File.WriteAllText(Path.Combine(folder, "model.safetensors"), "merged"), replace: false, OutputKind.Model);
        foreach (int step in (int[])[1, 5]) Model(step);
        using (var run = new TestRun(settings, At("run"), resume: true))
        {
            var e = Assert.Throws<BadInputException>(() => run.Trainer(null).Run());
            Assert.Equal((At("run/checkpoints/step-5"), "the newest checkpoint is damaged: it is no checkpoint but a model"), (e.Place, e.Problem));
        }
        using (var run = new TestRun(settings, At("run"), resume: true))
            Assert.True(run.Trainer(log => { if (log.Step == 7) Model(8); }, fromStep: 4).Run().Finished);
        foreach (string place in (string[])["run/checkpoints/step-1", "run/set-aside/step-5", "run/set-aside/step-8"])
            Assert.Equal("merged", File.ReadAllText(At(place + "/model.safetensors")));
    }

    [Fact]
    public void Without_a_whole_checkpoint_the_start_is_proposed()
    {
        var settings = Settings() with { SaveSteps = 4 };
        byte[] whole = Result(settings, At("whole"));
        Die(settings, At("run"), 10);
        foreach (int step in (int[])[4, 8]) Damage(At($"run/checkpoints/step-{step}/state.json"), "gone");
        using (var run = new TestRun(settings, At("run"), resume: true))
            Assert.Contains("`--resume --step 0`", Assert.Throws<BadInputException>(() => run.Trainer(null).Run()).Remedy);
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.True(run.Trainer(null, fromStep: 0).Run().Finished);
        Assert.Equal(whole, Adapter(At("run")));
        Assert.Equal(Enumerable.Range(1, 14), Logged(At("run")));
    }

    [Fact]
    public void An_earlier_whole_step_may_be_asked_for_and_later_ones_go()
    {
        var settings = Settings() with { SaveSteps = 4 };
        byte[] whole = Result(settings, At("whole"));
        Die(settings, At("run"), 10);
        int first = 0;
        using (var run = new TestRun(settings, At("run"), resume: true))
            run.Trainer(log => first = first == 0 ? log.Step : first, fromStep: 4).Run();
        Assert.Equal(5, first);
        Assert.Equal(whole, Adapter(At("run")));
        Assert.False(Directory.Exists(At("run/set-aside")));
        Assert.True(FolderMarker.Check(At("run")).IsOwn);
    }

    [Fact]
    public void A_step_that_is_saved_is_not_saved_again()
    {
        var settings = Settings() with { SaveSteps = 4 };
        string state = At("run/checkpoints/step-4/state.json");
        using var stop = new CancellationTokenSource();
        // Ctrl-C just before the save
        using (var run = new TestRun(settings, At("run"))) Assert.Equal(4,
            run.Trainer(log => { if (log.Step == 4) stop.Cancel(); }).Run(stop.Token).Step);
        DateTime old = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(state, old);
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.Equal(4, run.Trainer(null).Run(stop.Token).Step);
        Assert.Equal(old, File.GetLastWriteTimeUtc(state));
        Damage(state, "cut"); // a damaged one is
        using (var run = new TestRun(settings, At("run"), resume: true)) run.Trainer(null, fromStep: 0).Run(stop.Token);
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.True(run.Trainer(null).Run().Finished);
        Assert.Equal(Enumerable.Range(1, 14), Logged(At("run")));
    }

    [Theory]
    [InlineData("adapter/adapter_model.safetensors", "gone", true)]
    [InlineData("adapter/adapter_model.safetensors", "cut", false)]
    [InlineData("adapter/adapter_config.json", "a bit", false)]
    [InlineData("adapter/README.md", "new", false)]
    [InlineData("adapter", "file", false)]
    [InlineData("report.html", "new", false)]
    public void A_result_that_could_not_be_replaced_is_told_before_the_first_step(string file, string damage, bool replaced)
    {
        var settings = Settings() with { SaveSteps = 4 };
        byte[] whole = Result(settings, At("run"));
        var folder = new RunFolder(At("run"));
        Assert.True(folder.IsFinished(all: false));
        if (damage == "file") Directory.Delete(At("run/adapter"), recursive: true);
        if (damage is "new" or "file") File.WriteAllText(At("run/" + file), "mine");
        else Damage(At("run/" + file), damage);
        Assert.Equal(damage == "new", folder.IsFinished(all: false)); // what lies beside changes nothing of it
        var before = FolderContent.Of(At("run"));
        int steps = 0;
        using (var run = new TestRun(settings, At("run"), resume: true))
        {
            var trainer = run.Trainer(_ => steps++, fromStep: 4);
            if (replaced) Assert.True(trainer.Run().Finished);
            else Assert.Equal(At("run/" + (file.StartsWith("report") ? file : "adapter")), Assert.Throws<BadInputException>(() => trainer.Run()).Place);
        }
        Assert.Equal(replaced ? 10 : 0, steps);
        if (replaced) Assert.Equal(whole, Adapter(At("run")));
        else Assert.Equal(before, FolderContent.Of(At("run")));
    }

    [Fact]
    public void A_run_that_goes_on_from_an_earlier_step_is_not_finished_until_its_end()
    {
        var settings = Settings() with { SaveSteps = 4 };
        byte[] whole = Result(settings, At("run"));
        using (var run = new TestRun(settings, At("run"), resume: true))
            Assert.Throws<OperationCanceledException>(() => run.Trainer(log => { if (log.Step == 6) throw new OperationCanceledException(); },
                fromStep: 4).Run());
        Assert.Equal(whole, Adapter(At("run"))); // still there
        Assert.False(new RunFolder(At("run")).IsFinished(all: false));
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.True(run.Trainer(null).Run().Finished);
        Assert.True(new RunFolder(At("run")).IsFinished(all: false));
        Assert.True(FolderMarker.Check(At("run")).IsWhole);
    }

    [Fact]
    public void Steps_whose_result_could_not_be_written_are_not_lost()
    {
        var settings = Settings() with { SaveSteps = 4 };
        settings = settings with { EvalData = settings.Data };
        byte[] whole = Result(settings, At("whole"));
        using (var run = new TestRun(settings, At("run")))
            Assert.Throws<BadInputException>(() => run.Trainer(log => { if (log.Step == 13) File.WriteAllText(At("run/adapter"), "mine"); }).Run());
        Assert.Equal([4, 8, 12, 14], new RunFolder(At("run")).Steps);
        File.Delete(At("run/adapter"));
        int steps = 0;
        using (var run = new TestRun(settings, At("run"), resume: true)) Assert.True(run.Trainer(_ => steps++).Run().Finished);
        Assert.Equal(0, steps);
        Assert.Equal(whole, Adapter(At("run")));
        Assert.Equal(File.ReadAllLines(At("whole/log.jsonl")).Length, File.ReadAllLines(At("run/log.jsonl")).Length); // evaluated once
    }

    [Fact]
    public void By_time_the_newest_one_stays_and_nothing_else_changes()
    {
        var settings = Settings() with { SaveMinutes = 0 };
        byte[] whole = Result(settings, At("whole"));
        Assert.False(Directory.Exists(At("whole/checkpoints")));
        settings = settings with { SaveMinutes = 1e-9 }; // after every step
        Die(settings, At("run"), 6);
        Assert.Equal([5], new RunFolder(At("run")).Steps);
        using (var run = new TestRun(settings, At("run"), resume: true))
        {
            run.Trainer(null).Run();
            Assert.Equal([13], run.Folder.Steps);
        }
        Assert.Equal(whole, Adapter(At("run")));
        Result(settings with { SaveSteps = 5 }, At("both"));
        Assert.Equal([5, 10, 13], new RunFolder(At("both")).Steps);
    }

    [Fact]
    public void Of_a_limit_of_one_the_newest_and_the_best_are_kept_and_no_stale_best()
    {
        var settings = Settings() with { EvalSteps = 2, SaveSteps = 2, SaveTotalLimit = 1, LoadBestModelAtEnd = true, LearningRate = 5e-3,
            LrSchedulerType = "constant" };
        settings = settings with { EvalData = settings.Data };
        using var run = new TestRun(settings, At("run"));
        run.Trainer(null).Run();
        var evals = run.Folder.ReadLog().Where(l => l.ContainsKey("eval_loss")).ToList();
        int best = (int)evals.MinBy(l => (double)l["eval_loss"]!)!["step"]!;
        Assert.True(best > 4, "the loss does not fall"); // else there was no stale best
        int newest = best == 14 ? 14 : 12; // the last step is only saved where it is the best
        Assert.Equal(new[] { best, newest }.Distinct().Order(), run.Folder.Steps);
    }

    private string At(string name) => Path.Combine(_temporary, name);

    private RunSettings Settings() => new()
    {
        Model = Paths.Golden("models/llama-tied"), Data = TestRun.RandomRows(At("rows.jsonl"), 20, 256, seed: 3),
        Adapter = new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8, ["target_modules"] = "all-linear" },
        BatchSize = 3, MaxSteps = 14, LearningRate = 1e-3, Seed = 11, Dtype = "float32",
    };

    private static byte[] Result(RunSettings settings, string folder)
    {
        using var run = new TestRun(settings, folder);
        Assert.True(run.Trainer(null).Run().Finished);
        return Adapter(folder);
    }

    private static void Die(RunSettings settings, string folder, int step)
    {
        using var run = new TestRun(settings, folder);
        Assert.Throws<OperationCanceledException>(() => run.Trainer(log => { if (log.Step == step) throw new OperationCanceledException();
            }).Run());
    }

    private static void Damage(string path, string damage)
    {
        if (damage == "gone") { if (Directory.Exists(path)) Directory.Delete(path, recursive: true); else File.Delete(path); }
        else
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (damage == "cut") bytes = bytes[..(bytes.Length / 2)];
            else bytes[^1] ^= 1;
            File.WriteAllBytes(path, bytes);
        }
    }

    private static byte[] Adapter(string folder) => File.ReadAllBytes(Path.Combine(folder, "adapter", "adapter_model.safetensors"));

    private static IEnumerable<int> Logged(string folder) => new RunFolder(folder).ReadLog()
        .Where(l => l.ContainsKey("loss")).Select(l => (int)l["step"]!);
}

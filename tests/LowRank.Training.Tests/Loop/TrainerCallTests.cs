using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>What a program gives a trainer by hand is held to the rules that settings files are held to, and what does not fit together is refused at the call.</summary>
public class TrainerCallTests
{
    private readonly string _folder = Paths.Temporary();

    private RunSettings Settings(Func<RunSettings, RunSettings>? change = null)
    {
        RunSettings settings = new()
        {
            Model = Paths.Golden("models/llama"), Data = TestRun.RandomRows(Path.Combine(_folder, "rows.jsonl"), 6, 256, seed: 4),
            Adapter = new JsonObject { ["r"] = 4, ["lora_alpha"] = 12, ["target_modules"] = "all-linear", ["init_lora_weights"] = false },
            BatchSize = 3, MaxSteps = 2, LearningRate = 1e-3, Dtype = "float32", MaxLength = 64,
        };
        return change is null ? settings : change(settings);
    }

    private static Trainer Trainer(RunSettings settings, TestRun run, bool allowFast = true)
        => new(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), run.Model.Spec.VocabularySize, null), null, run.Folder, allowFast);

    public static TheoryData<string, string> Wrong => new()
    {
        { nameof(RunSettings.LearningRate), "learning_rate" }, { nameof(RunSettings.BatchSize), "batch_size" }, { nameof(RunSettings.MaxSteps), "max_steps" }, { nameof(RunSettings.WarmupRatio), "warmup_ratio" },
        { nameof(RunSettings.WeightDecay), "weight_decay" }, { nameof(RunSettings.GradientAccumulationSteps), "gradient_accumulation_steps" }, { nameof(RunSettings.Dtype), "dtype" }, { nameof(RunSettings.Optim), "optim" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void Settings_made_in_code_are_checked(string property, string key)
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        var wrong = settings with { };
        var info = typeof(RunSettings).GetProperty(property)!;
        info.SetValue(wrong, info.PropertyType == typeof(string) ? "nonsense" : info.PropertyType == typeof(double) ? (object)-1.0 : property == nameof(RunSettings.MaxSteps) ? -2 : 0);
        Assert.Contains(key, Assert.Throws<BadInputException>(() => Trainer(wrong, run)).Message);
    }

    [Fact]
    public void Settings_that_ask_for_another_adapter_are_refused()
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        var other = settings with { Adapter = new JsonObject { ["r"] = 16, ["lora_alpha"] = 12, ["target_modules"] = "all-linear", ["init_lora_weights"] = false } };
        var error = Assert.Throws<BadInputException>(() => Trainer(other, run));
        Assert.Equal(("16", "RunSettings.Adapter: r"), (error.Value, error.Place));
        Assert.Contains("4", error.Expected);
        Assert.Contains("2 mistakes", Assert.Throws<BadInputException>(() => Trainer(settings with { Adapter = new JsonObject { ["r"] = 8, ["lora_alpha"] = 12, ["lora_dropout"] = 0.5, ["target_modules"] = "all-linear", ["init_lora_weights"] = false } }, run)).Message);
        Assert.Throws<BadInputException>(() => Trainer(settings with { Adapter = null }, run));
        using var full = new TestRun(settings with { Adapter = null }, Path.Combine(_folder, "full"));
        Assert.Throws<BadInputException>(() => Trainer(settings, full));
    }

    [Fact]
    public void An_evaluation_that_is_no_number_ends_the_run()
    {
        var settings = Settings();
        settings = settings with { EvalData = settings.Data };
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        void Spoil(StepLog log)
        {
            using var plain = no_grad();
            if (log.Step == settings.MaxSteps) run.Trainable.Tensors[^1].Tensor.fill_(Scalars.Of(double.NaN));
        }
        var error = Assert.Throws<InvalidOperationException>(() => run.Trainer(Spoil).Run());
        Assert.StartsWith("step 2: the loss on the held-out rows is NaN. Lower learning_rate", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(run.Folder.ResultOf(all: false)));
    }

    [Fact]
    public void A_perplexity_beyond_all_numbers_is_null_in_the_log()
        => Assert.Equal("""{"step":3,"eval_loss":800,"eval_perplexity":null,"eval_token_accuracy":0.5,"eval_seconds":1}""",
            new EvalLog(3, new TargetSums(1600, 1, 2), 1).ToJson().ToJsonString());

    [Fact]
    public void A_run_that_was_not_begun_is_refused_before_its_first_step()
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        var elsewhere = new RunFolder(Path.Combine(_folder, "elsewhere"));
        var trainer = new Trainer(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), 256, null), null, elsewhere);
        Assert.Contains("Begin", Assert.Throws<InvalidOperationException>(() => trainer.Run()).Message);
        Assert.False(Directory.Exists(elsewhere.Path));
    }

    [Fact]
    public void What_acts_beside_the_trained_adapter_is_computed_and_the_path_says_so()
    {
        var settings = Settings();
        float[] First(string folder, Action<AdapterHost> prepare, out string path, out string reason, bool allowFast = true)
        {
            using var run = new TestRun(settings, Path.Combine(_folder, folder));
            prepare(run.Trainable.Adapter!.Host);
            List<double> losses = [];
            RowSet rows = RowSet.Load(settings.DataOptions(), 256, null);
            var trainer = new Trainer(settings, run.Model, run.Trainable, rows, null, run.Folder, allowFast) { OnStep = log => losses.Add(log.Loss) };
            (path, reason) = (trainer.Path, trainer.PathReason);
            Assert.True(trainer.Run().Finished);
            return [.. losses.Select(l => (float)l)];
        }
        static void Second(AdapterHost host)
        {
            host.Add("second", new LoraConfig { Rank = 2, Alpha = 8, Initialisation = LoraInitialisation.None, TargetModules = Selector.AllLinear }, 7);
            host.Activate(("default", 1), ("second", 1));
        }
        float[] alone = First("alone", _ => { }, out string path, out string reason);
        Assert.Equal("fast", path);
        float[] both = First("both", Second, out path, out reason), plain = First("plain", Second, out _, out _, allowFast: false);
        Assert.Equal("autograd", path);
        Assert.Contains("second", reason);
        Assert.Equal(plain, both);
        Assert.NotEqual(alone[0], both[0]);
        float[] weaker = First("weaker", host => host.Activate(("default", 0.5)), out path, out reason);
        Assert.Equal("autograd", path);
        Assert.Contains("0.5", reason);
        Assert.NotEqual(alone[0], weaker[0]);
        First("idle", host => { Second(host); host.Activate(("default", 1), ("second", 0)); }, out path, out _); // one that does not act is no obstacle
        Assert.Equal("fast", path);
    }

    [Fact]
    public void An_adapter_that_does_not_act_cannot_be_trained()
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        var host = run.Trainable.Adapter!.Host;
        var trainer = Trainer(settings, run);
        host.Activate();
        Assert.Contains("does not act", Assert.Throws<InvalidOperationException>(() => trainer.Run()).Message);
        host.Activate(("default", 0));
        Assert.Throws<InvalidOperationException>(() => trainer.Run());
        host.Activate(("default", 1));
        using (host.Disabled()) Assert.Throws<InvalidOperationException>(() => trainer.Run());
        host.Merge();
        Assert.Throws<InvalidOperationException>(() => trainer.Run());
        host.Unmerge();
        Assert.True(trainer.Run().Finished);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Changing_what_acts_in_the_middle_ends_the_run(bool fast)
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        var host = run.Trainable.Adapter!.Host;
        var trainer = new Trainer(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), 256, null), null, run.Folder, fast) { OnStep = _ => host.Activate() };
        Assert.Throws<InvalidOperationException>(() => trainer.Run());
        var half = new RunFolder(Path.Combine(_folder, "half"));
        half.Begin(settings, force: false);
        host.Activate(("default", 1));
        var strong = new Trainer(settings, run.Model, run.Trainable, RowSet.Load(settings.DataOptions(), 256, null), null, half, fast) { OnStep = _ => host.Activate(("default", 2)) };
        if (fast) Assert.Contains("changed", Assert.Throws<InvalidOperationException>(() => strong.Run()).Message);
        else Assert.True(strong.Run().Finished); // automatic differentiation computes what acts
    }

    public static TheoryData<string, bool> Damaged
    {
        get
        {
            TheoryData<string, bool> data = [];
            foreach (string what in (string[])["id above", "id below", "label above", "label below", "mask short", "documents", "target on padding"])
                foreach (bool fast in (bool[])[true, false]) data.Add(what, fast);
            return data;
        }
    }

    [Theory, MemberData(nameof(Damaged))]
    public void Batches_beyond_the_vocabulary_or_their_own_size_are_refused(string what, bool fast)
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        using FastStep byHand = new(run.Model, run.Trainable.Adapter!);
        var step = fast ? (IMicroStep)byHand : new TrainingStep(run.Model, 1, false);
        Row a = new([3, 4, 5, 6], [-100, 4, 5, 6]), b = new([7, 8], [-100, 8]);
        var good = Batch.Of([a, b], 0);
        Assert.Equal(4, step.Run(good, 1, 0).Targets);
        var bad = what switch
        {
            "id above" => Batch.Of([a, new Row([7, 256], [-100, 8])], 0),
            "id below" => Batch.Of([a, new Row([-1, 8], [-100, 8])], 0),
            "label above" => Batch.EndToEnd([a, new Row([7, 8], [-100, 256])]),
            "label below" => Batch.Of([a, new Row([7, 8], [-100, -7])], 0),
            "mask short" => good with { Mask = [1, 1, 1] },
            "documents" => Batch.EndToEnd([a, b]) with { T = 5, Ids = [1, 2, 3, 4, 5], Mask = [1, 1, 1, 1, 1], Labels = [-100, 2, 3, 4, 5] },
            _ => good with { Labels = [-100, 4, 5, 6, -100, 8, 9, -100] },
        };
        string message = Assert.Throws<BadInputException>(() => step.Run(bad, 1, 0)).Message;
        string wanted = what switch { "id above" => "256", "id below" => "-1", "label above" => "256", "label below" => "-7", "mask short" => "3 of the mask", "documents" => "4, 2", _ => "9" };
        Assert.Contains(wanted, message);
        Assert.Equal(4, step.Run(good, 1, 0).Targets); // still usable
    }

    [Fact]
    public void Padding_before_the_tokens_is_not_computed_by_hand()
    {
        var settings = Settings();
        using var run = new TestRun(settings, Path.Combine(_folder, "run"));
        using FastStep byHand = new(run.Model, run.Trainable.Adapter!);
        var left = new Batch([0, 0, 7, 8, 3, 4, 5, 6], [0, 0, 1, 1, 1, 1, 1, 1], [-100, -100, -100, 8, -100, 4, 5, 6], 2, 4);
        Assert.Contains("padded", Assert.Throws<BadInputException>(() => byHand.Run(left, 1, 0)).Message);
    }

    [Fact]
    public void A_damaged_store_is_told_not_read_beyond()
    {
        string folder = Paths.Temporary();
        using (var writer = new StoreWriter(folder))
        {
            for (int i = 0; i < 9; i++) writer.Add(new Row([1, 2, 3, 4, 5, 6, 7, 8], [-100, 2, 3, 4, -100, 6, 7, 8]));
            writer.Finish([9], new RowTally());
        }
        string rows = Path.Combine(folder, "rows.bin");
        byte[] whole = File.ReadAllBytes(rows);
        var random = new Random(3);
        int refused = 0;
        for (int trial = 0; trial < 300; trial++)
        {
            byte[] bytes = [.. whole];
            for (int k = 0; k < 3; k++) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(rows, bytes);
            using var stored = StoredRows.TryOpen(folder)!;
            for (int i = 0; i < 9; i++)
                try { Assert.Equal(stored[i].InputIds.Length, stored[i].Labels.Length); }
                catch (BadInputException e) { refused++; Assert.Contains("damaged", e.Message); }
        }
        Assert.True(refused > 50, $"{refused}");
    }
}

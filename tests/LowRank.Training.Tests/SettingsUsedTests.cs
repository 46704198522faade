using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>ADR 0031 for the settings themselves: each, changed, changes what a run of a few steps does, writes or foresees. A setting
/// without a row fails the test. The last ones are used by the program itself: its TemplateTests and TrainTests show them.</summary>
public class SettingsUsedTests
{
    private static readonly string Rows = TestRun.RandomRows(Path.Combine(Paths.Temporary(), "rows.jsonl"), 14, 200, seed: 1),
        Held = TestRun.RandomRows(Path.Combine(Paths.Temporary(), "held.jsonl"), 4, 200, seed: 2),
        Kept = TestRun.RandomRows(Path.Combine(Paths.Temporary(), "kept.jsonl"), 4, 200, seed: 3);
    private static readonly string Prompts = Write("prompts.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\"}\n{\"prompt\": \"four\", \"completion\": \"five six\"}\n");
    private static readonly string Extra = Write("extra.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\", \"solution\": \"4\"}\n");
    private static readonly string Faulty = Write("faulty.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\"}\n{\"nothing\": 1}\n");
    private static readonly string TwoWays = Write("two-ways.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\", \"text\": \"four\"}\n");

    /// <summary>What each setting is changed to; after the bar, what stands on both sides beside the standing assignments.</summary>
    private static readonly Dictionary<string, string> Changes = new()
    {
        ["model"] = Paths.Golden("models/mistral"), ["data"] = Held, ["eval_data"] = Held,
        ["columns"] = $"{{prompt: completion, completion: prompt}} | data={Prompts}", ["ignore_columns"] = $"[solution] | data={Extra}",
        ["data_format"] = $"text | data={TwoWays};data_format=prompt_completion", ["truncation_side"] = "left | max_length=8",
        ["train_on_inputs"] = $"true | data={Prompts}", ["bad_rows"] = $"skip | data={Faulty}", ["init_adapter"] = Begun(),
        ["adapter"] = "{r: 8}", ["learning_rate"] = "1e-3", ["lr_scheduler_type"] = "linear", ["lr_scheduler_kwargs"] = "{num_cycles: 1}",
        ["warmup_steps"] = "2", ["warmup_ratio"] = "0.5", ["max_steps"] = "4", ["num_train_epochs"] = "2 | max_steps=-1",
        ["batch_size"] = "3", ["gradient_accumulation_steps"] = "2", ["optim"] = "lion", ["optim_args"] = "{betas: [0.5, 0.6]}",
        ["weight_decay"] = "0.5", ["adam_beta1"] = "0.5", ["adam_beta2"] = "0.5", ["adam_epsilon"] = "0.1", ["max_grad_norm"] = "0.01",
        ["loraplus_lr_ratio"] = "16", ["loraplus_lr_embedding"] = "1e-4 | loraplus_lr_ratio=16;adapter.target_modules=[embed_tokens]",
        ["max_length"] = "8", ["packing"] = "true", ["padding_free"] = "true", ["group_by_length"] = "true", ["shuffle"] = "false",
        ["seed"] = "5", ["dtype"] = "bfloat16", ["quantize"] = "int8",
        ["gradient_checkpointing"] = "true", ["memory"] = "2GB", ["eval_steps"] = $"1 | eval_data={Held}", ["save_steps"] = "1",
        ["save_minutes"] = "0.0000001", ["save_total_limit"] = "1 | save_steps=1",
        ["load_best_model_at_end"] = $"true | eval_data={Held};eval_steps=1",
        ["early_stopping_patience"]
            = $"1 | eval_data={Held};eval_steps=1;early_stopping_threshold=9;early_stopping_patience=2",
        ["early_stopping_threshold"] = $"9 | eval_data={Held};eval_steps=1;early_stopping_patience=1", ["data_cache"] = $"on | data={Kept}",
    };

    /// <summary>Settings without which the run is refused, and what it says.</summary>
    private static readonly Dictionary<string, string> Needed
        = new() { ["ignore_columns"] = "\"solution\"", ["bad_rows"] = "faulty.jsonl:2" };

    public static TheoryData<string> Keys
        => [.. SettingsBinder.Names.Except(["chat_template", "chat_date", "assistant_turns", "save_dtype"])];

    [Theory, MemberData(nameof(Keys))]
    public void Each_setting_changes_what_a_run_does(string key)
    {
        Assert.True(Changes.ContainsKey(key), $"no row shows that {key} is used");
        string[] parts = Changes[key].Split(" | "), beside = parts.Length > 1 ? parts[1].Split(';') : [];
        string to = Run([.. beside, $"{key}={parts[0]}"]);
        if (Needed.TryGetValue(key, out string? said)) Assert.Contains(said, Assert.Throws<BadInputException>(() => Run(beside)).Message);
        else Assert.True(Run(beside) != to, $"{key} is read and not used: {to}");
    }

    /// <summary>An adapter of random numbers.</summary>
    private static string Begun()
    {
        string folder = Path.Combine(Paths.Temporary(), "begun");
        using var model = ModelLoader.Load(Paths.Golden("models/llama"));
        var host = AdapterHost.Attach(model);
        host.Add("begun", new LoraConfig { Rank = 4, Alpha = 6, Initialisation = LoraInitialisation.None,
            TargetModules = Selector.AllLinear }, 7).Save(folder);
        host.Detach();
        return folder;
    }

    private static string Run(string[] assignments)
    {
        JsonObject tree = [];
        foreach (string assignment in (string[])["model=" + Paths.Golden("models/llama"), "data=" + Rows, "adapter.r=4", "max_steps=3",
            "batch_size=4", "dtype=float32", .. assignments]) SettingsBinder.Set(tree, assignment);
        return Outcome(SettingsBinder.Bind(tree));
    }

    /// <summary>Losses, rates and batches, what was written, and what was foreseen; no times.</summary>
    private static string Outcome(RunSettings settings)
    {
        var text = new StringBuilder();
        int kept = CacheFolder.Files;
        using var run = new TestRun(settings, Path.Combine(Paths.Temporary(), "run"));
        var trainer = run.Trainer(log => text.Append($"{log.Step} {log.Loss:R} {log.GradNorm:R} {log.LearningRate:R} {log.Tokens}\n"),
            encoder: Letters with { VocabularySize = run.Model.Spec.VocabularySize });
        var outcome = trainer.Run();
        text.Append($"{outcome.Step} {trainer.TotalSteps} {trainer.Path} {trainer.Plan is not null} ");
        text.Append($"{string.Join(' ', run.Folder.Steps)}\n");
        foreach (var line in run.Folder.ReadLog().Where(l => l.ContainsKey("eval_loss")))
            text.Append($"{line["step"]} {line["eval_loss"]}\n");
        foreach (string file in Directory.EnumerateFiles(outcome.Result!, "*.safetensors"))
            text.Append(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))));
        foreach (var (part, bytes) in trainer.Foreseen.Memory.Where(m => m.Part is "activations" or "weights"))
            text.Append($"{part} {bytes}\n");
        return text.Append($"{CacheFolder.Files - kept} {BatchOptions.Of(settings).PaddingFree}").ToString();
    }
}

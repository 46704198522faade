using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>ADR 0031 for the settings themselves: each, changed, changes what a run of a few steps does, writes or foresees. A setting
/// without a row fails the test.</summary>
public class SettingsUsedTests
{
    private static readonly string Rows = TestRun.RandomRows(Path.Combine(Paths.Temporary(), "rows.jsonl"), 14, 200, seed: 1),
        Held = TestRun.RandomRows(Path.Combine(Paths.Temporary(), "held.jsonl"), 4, 200, seed: 2);
    private static readonly string Prompts = Write("prompts.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\"}\n{\"prompt\": \"four\", \"completion\": \"five six\"}\n");
    private static readonly string Extra = Write("extra.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\", \"solution\": \"4\"}\n");
    private static readonly string Faulty = Write("faulty.jsonl",
        "{\"prompt\": \"one two\", \"completion\": \"three\"}\n{\"nothing\": 1}\n");

    /// <summary>A setting, changed; after the bar, what it is compared with beside the standing assignments.</summary>
    private static readonly Dictionary<string, string> Changes = new()
    {
        ["model"] = "model=" + Paths.Golden("models/mistral"), ["data"] = "data=" + Held, ["eval_data"] = "eval_data=" + Held,
        ["columns"] = $"data={Prompts};columns={{prompt: completion, completion: prompt}} | data={Prompts}",
        ["ignore_columns"] = $"data={Extra};ignore_columns=[solution] | data={Prompts}",
        ["data_format"] = $"data={Prompts};data_format=text", ["truncation_side"] = "max_length=8;truncation_side=left | max_length=8",
        ["train_on_inputs"] = $"data={Prompts};train_on_inputs=true | data={Prompts}",
        ["bad_rows"] = $"data={Faulty};bad_rows=skip | data={Prompts}", ["init_adapter"] = "init_adapter=none",
        ["adapter"] = "adapter.r=8", ["learning_rate"] = "learning_rate=1e-3", ["lr_scheduler_type"] = "lr_scheduler_type=linear",
        ["lr_scheduler_kwargs"] = "lr_scheduler_kwargs={num_cycles: 1}", ["warmup_steps"] = "warmup_steps=2",
        ["warmup_ratio"] = "warmup_ratio=0.5", ["max_steps"] = "max_steps=4",
        ["num_train_epochs"] = "max_steps=-1;num_train_epochs=2 | max_steps=-1",
        ["batch_size"] = "batch_size=3", ["gradient_accumulation_steps"] = "gradient_accumulation_steps=2", ["optim"] = "optim=lion",
        ["optim_args"] = "optim_args={betas: [0.5, 0.6]}", ["weight_decay"] = "weight_decay=0.5", ["adam_beta1"] = "adam_beta1=0.5",
        ["adam_beta2"] = "adam_beta2=0.5", ["adam_epsilon"] = "adam_epsilon=0.1", ["max_grad_norm"] = "max_grad_norm=0.01",
        ["loraplus_lr_ratio"] = "loraplus_lr_ratio=16", ["loraplus_lr_embedding"] = "loraplus_lr_embedding=1e-4",
        ["max_length"] = "max_length=8",
        ["packing"] = "packing=true", ["padding_free"] = "padding_free=true", ["group_by_length"] = "group_by_length=true",
        ["shuffle"] = "shuffle=false", ["seed"] = "seed=5", ["dtype"] = "dtype=bfloat16", ["quantize"] = "quantize=int8",
        ["save_dtype"] = "save_dtype=bfloat16", ["gradient_checkpointing"] = "gradient_checkpointing=true", ["memory"] = "memory=2GB",
        ["eval_steps"] = $"eval_data={Held};eval_steps=1 | eval_data={Held}", ["save_steps"] = "save_steps=1", ["save_minutes"] = "save_minutes=0.0000001",
        ["save_total_limit"] = "save_steps=1;save_total_limit=1 | save_steps=1",
        ["load_best_model_at_end"] = $"eval_data={Held};eval_steps=1;load_best_model_at_end=true | eval_data={Held};eval_steps=1",
        ["early_stopping_patience"] = $"eval_data={Held};eval_steps=1;early_stopping_patience=1;early_stopping_threshold=9 | eval_data={Held};eval_steps=1",
        ["early_stopping_threshold"] = $"eval_data={Held};eval_steps=1;early_stopping_patience=1;early_stopping_threshold=9 | eval_data={Held};eval_steps=1;early_stopping_patience=1", ["data_cache"] = "data_cache=on",
    };

    /// <summary>What conversations look like: their encoder is made by the program, whose tests show it.</summary>
    private static readonly string[] OfTheProgram = ["chat_template", "chat_date", "assistant_turns"];

    public static TheoryData<string> Keys => [.. SettingsBinder.Names];

    [Theory, MemberData(nameof(Keys))]
    public void Each_setting_changes_what_a_run_does(string key)
    {
        if (OfTheProgram.Contains(key)) return;
        Assert.True(Changes.ContainsKey(key), $"no row shows that {key} is used");
        string[] sides = Changes[key].Split(" | ");
        string from = Run(sides.Length > 1 ? sides[1] : ""), to = Run(sides[0]);
        Assert.DoesNotContain("refused", from, StringComparison.Ordinal);
        Assert.True(from != to, $"{key} is read and not used: {from}");
    }

    private static string Run(string assignments)
    {
        JsonObject tree = [];
        foreach (string assignment in (string[])["model=" + Paths.Golden("models/llama"), "data=" + Rows, "adapter.r=4", "max_steps=3",
            "batch_size=4", "dtype=float32", .. assignments.Split(';', StringSplitOptions.RemoveEmptyEntries)]) SettingsBinder.Set(tree,
            assignment);
        try { return Outcome(SettingsBinder.Bind(tree)); }
        catch (BadInputException e) { return "refused: " + e.Message; }
    }

    /// <summary>Losses, rates and batches, what was written, and what was foreseen; no times.</summary>
    private static string Outcome(RunSettings settings)
    {
        var text = new StringBuilder();
        using var run = new TestRun(settings, Path.Combine(Paths.Temporary(), "run"));
        var trainer = run.Trainer(log => text.Append($"{log.Step} {log.Loss:R} {log.GradNorm:R} {log.LearningRate:R} {log.Tokens}\n"),
            encoder: Letters with { VocabularySize = run.Model.Spec.VocabularySize });
        var outcome = trainer.Run();
        text.Append($"{outcome.Step} {trainer.TotalSteps} {trainer.Path} {trainer.Plan is not null} {string.Join(' ', run.Folder.Steps)}\n");
        foreach (var line in run.Folder.ReadLog().Where(l
            => l.ContainsKey("eval_loss"))) text.Append($"{line["step"]} {line["eval_loss"]}\n");
        foreach (string file in Directory.EnumerateFiles(outcome.Result!).Where(f
            => f.EndsWith("safetensors",
            StringComparison.Ordinal))) text.Append(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))));
        foreach (var (part, bytes) in trainer.Foreseen.Memory.Where(m
            => m.Part is "activations" or "weights")) text.Append($"{part} {bytes}\n");
        return text.Append($"{settings.DataOptions().Cache} {BatchOptions.Of(settings).PaddingFree}").ToString();
    }
}

using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

[Collection(SharedWorld.Name)]
public class TrainTests(World world)
{
    private static List<JsonNode> Log(string run) => [.. File.ReadLines(Path.Combine(run, "log.jsonl")).Select(l => JsonNode.Parse(l)!)];

    [Fact]
    public void A_run_reports_and_keeps_what_it_should()
    {
        var json = world.RunOutcome.Good().Json;
        World.HasKeys(json, "step", "loss", "grad_norm", "learning_rate", "tokens", "tokens_per_second", "peak_memory", "adapter", "path", "path_reason", "eval_loss");
        Assert.Equal((World.Steps, world.RunAdapter), ((int)json["step"]!, (string?)json["adapter"]));
        Assert.Contains((string)json["path"]!, (string[])["fast", "autograd"]);

        var log = Log(world.RunFolder);
        var steps = log.Where(l => l["loss"] is not null).ToList();
        Assert.Equal(Enumerable.Range(1, World.Steps), steps.Select(l => (int)l["step"]!));
        Assert.All(steps, l => World.HasKeys(l, "step", "loss", "grad_norm", "learning_rate", "tokens", "tokens_per_second", "peak_memory"));
        Assert.Equal([5, 10, 14], log.Where(l => l["eval_loss"] is not null).Select(l => (int)l["step"]!));
        Assert.Equal((double)log[^1]["eval_loss"]!, (double)json["eval_loss"]!);
        Assert.True((double)steps[^1]["loss"]! < (double)steps[0]["loss"]!, "nothing was learnt");

        Assert.True(Directory.Exists(Path.Combine(world.RunFolder, "checkpoints", "step-7")));
        Assert.True(File.Exists(Path.Combine(world.RunFolder, "run.yaml")));
        using var adapter = SafetensorsFile.Open(Path.Combine(world.RunAdapter, "adapter_model.safetensors"));
        Assert.Equal(3 * 2 * 7, adapter.Names.Count);
        Assert.All(adapter.Names.Where(n => n.EndsWith("lora_A.weight", StringComparison.Ordinal)), n => Assert.Equal(4, adapter.Shape(n)![0]));
    }

    [Fact]
    public void Eval_finds_the_loss_that_the_run_logged()
    {
        var json = Program.Run("eval", "--model", world.Model, "--adapter", world.RunAdapter, "--data", world.EvalRows, "--dtype", "float32", "--threads", "1", "--json").Good().Json;
        World.HasKeys(json, "loss", "perplexity", "token_accuracy", "target_tokens", "rows");
        double loss = (double)json["loss"]!;
        Assert.Equal((double)Log(world.RunFolder)[^1]["eval_loss"]!, loss, 1e-5);
        Assert.Equal(Math.Exp(loss), (double)json["perplexity"]!, 1e-6);
        Assert.Equal(8, (int)json["rows"]!);
        int targets = File.ReadLines(world.EvalRows).Sum(l => JsonNode.Parse(l)!["labels"]!.AsArray().Count(n => (int)n! != -100));
        Assert.Equal(targets, (int)json["target_tokens"]!);
        Assert.InRange((double)json["token_accuracy"]!, 0, 1);
    }

    [Fact]
    public void Eval_with_generate_scores_texts_and_writes_them()
    {
        string predictions = world.Fresh("predictions") + ".jsonl";
        string[] arguments = ["eval", "--model", world.Model, "--data", world.Texts, "--generate", "--max-new-tokens", "8", "--predictions", predictions, "--json"];
        var json = Program.Run(arguments).Good().Json;
        World.HasKeys(json, "loss", "perplexity", "token_accuracy", "target_tokens", "rows", "exact_match", "bleu", "rouge_l");
        Assert.Equal((3, 0.0), ((int)json["rows"]!, (double)json["exact_match"]!));
        var lines = File.ReadLines(predictions).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(["one two", "six"], lines.Select(l => (string?)l["prompt"]));
        Assert.Equal(["three four", "five"], lines[0]["references"]!.AsArray().Select(n => (string?)n));
        Assert.Equal(2, Program.Run(arguments).Code); // the file is there now
    }

    [Fact]
    public void A_finished_run_is_done_when_resumed_and_keeps_its_bytes()
    {
        var before = FolderContent.Of(world.RunFolder);
        var json = Program.Run("train", "--output", world.RunFolder, "--resume", "--quiet", "--json").Good().Json;
        Assert.True(JsonNode.DeepEquals(world.RunOutcome.Json, json), json.ToJsonString());
        // the same arguments again agree, also where only their spelling differs
        string again = Program.Run([.. world.TrainArguments("auto"), "--set", "learning_rate=1e-2", "--output", world.RunFolder, "--resume"]).Good().Out;
        Assert.Contains(world.RunAdapter, again);
        Assert.Equal(before, FolderContent.Of(world.RunFolder));
    }

    [Fact]
    public void A_setting_that_disagrees_is_named_and_nothing_changes()
    {
        var before = FolderContent.Of(world.RunFolder);
        var outcome = Program.Run("train", "--output", world.RunFolder, "--resume", "--set", "learning_rate=0.02", "--set", "adapter.r=8", "--seed", "3", "--json");
        Assert.Equal(2, outcome.Code);
        Assert.Contains("learning_rate", outcome.Error);
        Assert.Contains("0.02", outcome.Error);
        Assert.Contains("0.01", outcome.Error);
        Assert.Contains("adapter", outcome.Error);
        Assert.DoesNotContain("seed:", outcome.Error);
        var unknown = Program.Run("train", "--output", world.RunFolder, "--resume", "--set", "learning_rat=0.01");
        Assert.Equal(2, unknown.Code);
        Assert.Contains("'learning_rate'", unknown.Error);
        Assert.Equal(before, FolderContent.Of(world.RunFolder));
    }

    [Fact]
    public void A_section_given_in_part_keeps_its_other_defaults()
    {
        string yaml = File.ReadAllText(Path.Combine(world.RunFolder, "run.yaml"));
        Assert.Contains("  r: 4", yaml);
        Assert.Contains("  target_modules: \"all-linear\"", yaml);
    }

    [Fact]
    public void The_start_says_what_is_trained_and_what_has_no_effect()
    {
        string run = world.Fresh("said");
        string[] data = ["--data", world.Rows, "--data", world.EvalRows, "--eval-data", world.EvalRows];
        string error = Program.Run(["train", "--model", world.Model, .. data, "--output", run, "--set", "max_steps=6", "--set", "eval_steps=1", "--set", "early_stopping_patience=2", "--set", "early_stopping_threshold=100", "--set", "learning_rate=0",
            "--set", "lr_scheduler_type=constant", "--set", "warmup_steps=2", "--set", "adapter.r=4", "--set", "adapter.target_modules=[q_proj, v_proj]"]).Good().Error;
        foreach (string part in (string[])["LoRA adapter (r 4, alpha 32) on 6 layers (q_proj, v_proj)", "32 rows", "learning_rate is 0", "warmup_steps (2) is not used", "8 of 8 held-out rows are training rows", "Stopped early after step 3 of 6"])
            Assert.Contains(part, error);
        Assert.Contains($"data: [\"{world.Rows}\",\"{world.EvalRows}\"]", File.ReadAllText(Path.Combine(run, "run.yaml")));

        var plan = Program.Run("plan", "--model", world.Model, "--dtype", "float32", "--set", "data=" + world.Rows, "--set", "batch_size=5", "--set", "num_train_epochs=2", "--set", "adapter.lora_alpha=0", "--json").Good().Json;
        Assert.Equal(10, (int)plan["steps"]!); // 24 rows, five at a time, twice
        Assert.Equal(10 * (double)plan["step_seconds"]!, (double)plan["total_seconds"]!, 1e-9);
        Assert.Contains("lora_alpha is 0", (string?)plan["notes"]![0]);
    }

    [Fact]
    public void Full_fine_tuning_writes_a_model_and_another_adapter_can_be_gone_on_from()
    {
        string run = world.Fresh("full");
        var json = Program.Run("train", "--model", world.Model, "--data", world.Texts, "--output", run, "--set", "adapter=null",
            "--set", "save_dtype=bfloat16", "--set", "max_steps=2", "--dtype", "float32", "--quiet", "--json").Good().Json;
        Assert.Equal(Path.Combine(run, "model"), (string?)json["adapter"]);
        using (var stored = SafetensorsFolder.Open(world.Model))
        using (var written = SafetensorsFolder.Open(Path.Combine(run, "model")))
        {
            Assert.Equal(["F32"], stored.Names.Select(stored.DType).Distinct());
            Assert.Equal(["BF16"], written.Names.Select(written.DType).Distinct());
        }
        Assert.Equal("model", (string?)Program.Run("inspect", Path.Combine(run, "model"), "--json").Good().Json["kind"]);

        string second = world.Fresh("second");
        Program.Run("train", "--model", world.Model, "--data", world.Rows, "--output", second, "--init-adapter", world.At("a"), "--set", "max_steps=2", "--set", "learning_rate=0", "--dtype", "float32", "--quiet").Good();
        using SafetensorsFile old = SafetensorsFile.Open(Path.Combine(world.At("a"), "adapter_model.safetensors")), same = SafetensorsFile.Open(Path.Combine(second, "adapter", "adapter_model.safetensors"));
        Assert.Equal(old.Names, same.Names);
        Assert.All(old.Names, n => Assert.True(old.Bytes(n).SequenceEqual(same.Bytes(n)), n)); // at rate 0
    }

    [Fact]
    public void What_of_a_model_s_folder_does_not_act_is_told()
    {
        string model = world.Fresh("both"), run = world.Fresh("noted"), yaml = world.Fresh("run.yaml"), input = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");
        Directory.CreateDirectory(model);
        foreach (string file in Directory.EnumerateFiles(world.Model).Concat(Directory.EnumerateFiles(world.At("a"), "adapter_*")))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        string config = Path.Combine(model, "config.json");
        var tree = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        (tree["attention_dropout"], tree["resid_pdrop"], tree["max_position_embeddings"]) = (0.25, 0, 4);
        File.WriteAllText(config, tree.ToJsonString());
        File.WriteAllText(yaml, "adapter: {r: 2}\n");
        string[] logits = ["logits", "--model", model, "--input", input, "--output"];
        const string Beside = "holds an adapter beside the model, which is not used";

        string said = Program.Run([.. logits, world.Fresh("x")]).Good().Error;
        Assert.Contains(Beside, said);
        Assert.Matches("the rows have [0-9]+ tokens, more than the 4 positions", said);
        Assert.DoesNotContain(Beside, Program.Run([.. logits, world.Fresh("x"), "--adapter", model]).Good().Error);
        var both = Program.Run("inspect", model, "--json").Good().Json;
        Assert.Equal(("model", "adapter"), ((string?)both["kind"], (string?)both["adapter"]!["kind"]));

        said = Program.Run("train", "--model", model, "--data", world.Rows, "--output", run, "--threads", "1", "--config", yaml,
            "--set", "adapter={fan_in_fan_out: true, r: 4}", "--set", "max_steps=1").Good().Error;
        foreach (string note in (string[])[Beside, "the base's own dropout (attention_dropout 0.25) does not act", "fan_in_fan_out is false",
            "--set adapter={fan_in_fan_out: true, r: 4}: {\"r\":2}, given before, does not count"]) Assert.Contains(note, said);
    }
}

using System.Text.Json.Nodes;
using LowRank.Tensors;

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
        var before = World.Snapshot(world.RunFolder);
        var json = Program.Run("train", "--output", world.RunFolder, "--resume", "--quiet", "--json").Good().Json;
        Assert.True(JsonNode.DeepEquals(world.RunOutcome.Json, json), json.ToJsonString());
        // the same arguments again agree, also where only their spelling differs
        string again = Program.Run([.. world.TrainArguments("auto"), "--set", "learning_rate=1e-2", "--output", world.RunFolder, "--resume"]).Good().Out;
        Assert.Contains(world.RunAdapter, again);
        Assert.Equal(before, World.Snapshot(world.RunFolder));
    }

    [Fact]
    public void A_setting_that_disagrees_is_named_and_nothing_changes()
    {
        var before = World.Snapshot(world.RunFolder);
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
        Assert.Equal(before, World.Snapshot(world.RunFolder));
    }

    [Fact]
    public void A_section_given_in_part_keeps_its_other_defaults()
    {
        string yaml = File.ReadAllText(Path.Combine(world.RunFolder, "run.yaml"));
        Assert.Contains("  r: 4", yaml);
        Assert.Contains("  target_modules: \"all-linear\"", yaml);
    }

    [Fact]
    public void Full_fine_tuning_writes_a_model_and_another_adapter_can_be_gone_on_from()
    {
        string run = world.Fresh("full");
        var json = Program.Run("train", "--model", world.Model, "--data", world.Texts, "--output", run, "--set", "adapter=null", "--set", "max_steps=2", "--dtype", "float32", "--quiet", "--json").Good().Json;
        Assert.Equal(Path.Combine(run, "model"), (string?)json["adapter"]);
        Assert.Equal("model", (string?)Program.Run("inspect", Path.Combine(run, "model"), "--json").Good().Json["kind"]);

        string second = world.Fresh("second");
        Program.Run("train", "--model", world.Model, "--data", world.Rows, "--output", second, "--init-adapter", world.At("a"), "--set", "max_steps=2", "--set", "learning_rate=0", "--dtype", "float32", "--quiet").Good();
        using SafetensorsFile old = SafetensorsFile.Open(Path.Combine(world.At("a"), "adapter_model.safetensors")), same = SafetensorsFile.Open(Path.Combine(second, "adapter", "adapter_model.safetensors"));
        Assert.Equal(old.Names, same.Names);
        Assert.All(old.Names, n => Assert.True(old.Bytes(n).SequenceEqual(same.Bytes(n)), n)); // at rate 0
    }
}

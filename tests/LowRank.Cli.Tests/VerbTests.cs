using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Cli.Tests;

[Collection(SharedWorld.Name)]
public class VerbTests(World world)
{
    [Fact]
    public void Generate_gives_what_the_engine_gives()
    {
        string prompts = world.Fresh("prompts") + ".jsonl";
        File.WriteAllLines(prompts, ["""{"input_ids": [10, 20, 30]}""", "", """{"prompt": "Hello"}""", "\"Hi\"", """{"input_ids": [99]}"""]);
        var list = Program.Run("generate", "--model", world.Model, "--adapter", world.At("a"), "--prompts", prompts, "--greedy", "--max-new-tokens", "9", "--dtype", "float32", "--threads", "1", "--json").Good().Json.AsArray();
        Assert.All(list, r => World.HasKeys(r, "prompt", "text", "ids", "finish_reason", "prompt_tokens", "new_tokens", "prefill_seconds", "decode_seconds"));
        using var model = ModelLoader.Load(world.Model);
        var host = AdapterHost.Attach(model);
        host.Load("a", world.At("a"));
        var expected = new Generator(model, Text.Tokenizer.FromFolder(world.Model), host).Generate([new([10, 20, 30]), new([.. "Hello"u8.ToArray().Select(b => (int)b)]), new([72, 105]), new([99])],
            new() { Greedy = true, MaxNewTokens = 9, EndIds = [2] });
        host.Detach();
        Assert.Equal(expected.Select(r => r.Text), list.Select(r => (string?)r!["text"]));
        Assert.Equal(expected.Select(r => r.Ids), list.Select(r => r!["ids"]!.AsArray().Select(n => (int)n!).ToList()));
        Assert.Equal(expected.Select(r => (r.FinishReason, r.PromptTokens, r.Ids.Count)), list.Select(r => ((string)r!["finish_reason"]!, (int)r["prompt_tokens"]!, (int)r["new_tokens"]!)));
        Assert.Equal(["[10,20,30]", "\"Hello\"", "\"Hi\"", "[99]"], list.Select(r => r!["prompt"]!.ToJsonString()));
    }

    [Fact]
    public void Generate_streams_one_prompts_text()
    {
        string[] arguments = ["generate", "--model", world.Model, "--prompt", "Hello", "--seed", "5", "--max-new-tokens", "12", "--ignore-eos", "--dtype", "float32", "--threads", "1"];
        string text = (string)Program.Run([.. arguments, "--json"]).Good().Json[0]!["text"]!;
        Assert.Equal(text + "\n", Program.Run(arguments).Good().Out);
    }

    [Fact]
    public void A_model_without_a_tokenizer_generates_ids()
    {
        string prompts = world.Fresh("prompts") + ".jsonl";
        File.WriteAllText(prompts, """{"input_ids": [10, 20], "score": 2, "completion": "r"}""");
        string[] arguments = ["generate", "--model", Paths.Golden("models/gpt2"), "--prompts", prompts, "--greedy", "--max-new-tokens", "4", "--ignore-eos"];
        var json = Program.Run([.. arguments, "--json"]).Good().Json[0]!;
        Assert.Null(json["text"]);
        var said = Program.Run(arguments).Good();
        Assert.Equal(string.Join(' ', json["ids"]!.AsArray().Select(n => (int)n!)) + "\n", said.Out);
        Assert.Contains("note: not used for the answers: completion, score", said.Error);
        Assert.DoesNotContain("not used", Program.Run([.. arguments, "--quiet"]).Good().Error);
    }

    [Fact]
    public void Merge_writes_a_plain_model_with_its_tokenizer()
    {
        string merged = world.Fresh("merged"), input = Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");
        var json = Program.Run("merge", "--model", world.Model, "--adapter", world.RunAdapter, "--adapter", world.At("b") + "=0.3", "--output", merged, "--json").Good().Json;
        Assert.Equal(merged, (string?)json["output"]);
        Assert.Equal([".lowrank.json", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"], Directory.EnumerateFiles(merged).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        using var golden = SafetensorsFile.Open(input);
        var (ids, mask) = (golden.Get("input_ids"), golden.Get("attention_mask"));
        float[] attached = world.Logits(world.Model, ids, mask, (world.RunAdapter, 1), (world.At("b"), 0.3)), plain = world.Logits(merged, ids, mask);
        Assert.True(attached.Zip(plain).Max(p => Math.Abs(p.First - p.Second)) < 5e-5);
        Assert.True(world.Logits(world.Model, ids, mask).Zip(plain).Max(p => Math.Abs(p.First - p.Second)) > 0.01);
        Assert.Equal(2, Program.Run("merge", "--model", world.Model, "--adapter", world.RunAdapter, "--output", merged).Code);
    }

    [Fact]
    public void Inspect_tells_what_a_model_an_adapter_a_run_and_files_hold()
    {
        JsonNode Inspect(string target) => Program.Run("inspect", target, "--json").Good().Json;
        var model = Inspect(world.Model);
        Assert.Equal(("model", "llama", 256, 3), ((string?)model["kind"], (string?)model["model_type"], (int)model["vocabulary"]!, (int)model["layers"]!));
        using var weights = SafetensorsFile.Open(Path.Combine(world.Model, "model.safetensors"));
        Assert.Equal(weights.Entries.Sum(e => e.Shape.Aggregate(1L, (x, y) => x * y)), (long)model["parameters"]!);

        var adapter = Inspect(world.At("a"));
        Assert.Equal(("adapter", 4, 8.0), ((string?)adapter["kind"], (int)adapter["r"]!, (double)adapter["lora_alpha"]!));
        Assert.Equal(3 * 7, adapter["layers"]!.AsArray().Count);
        foreach (var layer in adapter["layers"]!.AsArray()) CheckLayer(layer!);

        var run = Inspect(world.RunFolder);
        Assert.Equal(("run", World.Steps, true, 0.01), ((string?)run["kind"], (int)run["steps"]!, (bool)run["finished"]!, (double)run["settings"]!["learning_rate"]!));
        Assert.Equal([7], run["checkpoints"]!.AsArray().Select(n => (int)n!));

        var file = Inspect(Path.Combine(world.At("a"), "adapter_model.safetensors"));
        Assert.Equal(("safetensors", "pt", 42), ((string?)file["kind"], (string?)file["metadata"]!["format"], file["tensors"]!.AsArray().Count));
        Assert.Equal(("data", 3, 2), ((string?)Inspect(world.Texts)["kind"], (int)Inspect(world.Texts)["rows"]!, (int)Inspect(world.Texts)["prompts"]!));
        string text = Program.Run("inspect", world.At("a")).Good().Out;
        Assert.Contains("singular_values", text);
        Assert.Matches(@"bytes +[\d.]+ KB", text);
    }

    // The norm of alpha/r * B A and of its singular values is the same.
    private void CheckLayer(JsonNode layer)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var file = SafetensorsFile.Open(Path.Combine(world.At("a"), "adapter_model.safetensors"));
        string key = "base_model.model." + layer["module"];
        var delta = file.Get(key + ".lora_B.weight").matmul(file.Get(key + ".lora_A.weight"));
        double norm = 2 * Math.Sqrt(delta.data<float>().Sum(x => (double)x * x));
        Assert.Equal(norm, (double)layer["delta_norm"]!, 1e-3 * norm);
        Assert.Equal((4, 4, 2.0), ((int)layer["rank"]!, layer["singular_values"]!.AsArray().Count, (double)layer["scale"]!));
    }

    [Fact]
    public void Plan_counts_the_trained_parameters()
    {
        var json = Program.Run("plan", "--model", world.Model, "--set", "adapter.r=4", "--json").Good().Json;
        World.HasKeys(json, "peak_bytes", "step_seconds", "adapter_bytes", "trainable_parameters", "fits", "advice");
        using var adapter = SafetensorsFile.Open(Path.Combine(world.At("a"), "adapter_model.safetensors"));
        Assert.Equal(adapter.Entries.Sum(e => e.Shape.Aggregate(1L, (x, y) => x * y)), (long)json["trainable_parameters"]!);
        Assert.True((bool)json["fits"]!);
        Assert.Empty(json["advice"]!.AsArray());
        string text = Program.Run("plan", "--model", world.Model, "--set", "adapter.r=4").Good().Out;
        Assert.Matches(@"peak_bytes +[\d.]+ MB", text);
        Assert.Matches(@"adapter_bytes +36.86 KB", text);
    }

    [Fact]
    public void Plan_breaks_the_sums_up_and_tells_what_would_fit()
    {
        JsonNode Plan(params string[] more) => Program.Run(["plan", "--model", world.Model, "--set", "adapter.r=4", "--json", .. more]).Good().Json;
        var roomy = Plan("--memory", "900GB");
        World.HasKeys(roomy, "memory", "seconds", "slice_tokens", "kept_blocks", "blocks", "smallest_bytes", "available_bytes", "path");
        Assert.Equal((long)roomy["peak_bytes"]!, roomy["memory"]!.AsObject().Sum(p => (long)p.Value!));
        Assert.Equal((double)roomy["step_seconds"]!, roomy["seconds"]!.AsObject().Sum(p => (double)p.Value!), 1e-9);
        Assert.Equal((900_000_000_000, (int)roomy["blocks"]!), ((long)roomy["available_bytes"]!, (int)roomy["kept_blocks"]!));
        Assert.True((long)Plan("--set", "max_length=64")["peak_bytes"]! < (long)roomy["peak_bytes"]!);

        var tight = Plan("--memory", "1MB", "--set", "max_length=8192");
        Assert.False((bool)tight["fits"]!);
        Assert.Equal(0, (int)tight["kept_blocks"]!);
        Assert.Equal((long)tight["smallest_bytes"]!, (long)tight["peak_bytes"]!);
        Assert.Contains(tight["advice"]!.AsArray(), a => ((string)a!).Contains("max_length: 4096", StringComparison.Ordinal));
        Assert.True((long)Plan("--set", "adapter=null")["peak_bytes"]! > (long)Plan("--memory", "1MB")["peak_bytes"]!);
    }

    [Fact]
    public void Training_says_what_it_chose_for_a_limit()
    {
        string output = world.Fresh("run");
        var outcome = Program.Run("train", "--model", world.Model, "--data", world.Rows, "--output", output, "--set", "max_steps=1", "--set", "batch_size=4", "--memory", "6 GB").Good();
        Assert.Matches(@"For memory 6 GB: [\d,]+ tokens at once, all \d+ blocks kept, expected peak [\d.]+ MB", outcome.Error);
        Assert.Matches(@"Peak memory( while training|, reading included)</span><b>[\d.]+ MB</b><span>[\d.]+ MB planned, limit 6.00 GB", File.ReadAllText(Path.Combine(output, "report.html")));
    }

    [Fact]
    public void Doctor_finds_this_machine_fit()
    {
        var json = Program.Run("doctor", "--json").Good().Json;
        Assert.True((bool)json["ok"]!);
        Assert.All(json["findings"]!.AsArray(), f => World.HasKeys(f, "name", "ok", "value", "remedy"));
        Assert.Contains("libtorch", json["findings"]!.AsArray().Select(f => (string?)f!["name"]));
    }

    [Fact]
    public void Tokenize_answers_every_item_in_order()
    {
        var cases = JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("tokenizers/qwen2"), "cases.json")))!;
        JsonArray items = [];
        var texts = cases["texts"]!.AsArray().Where(t => ((string)t!["text"]!).Length > 0).Take(12).ToList();
        foreach (var t in texts) items.Add((string)t!["text"]!);
        var streams = cases["stream"]!.AsArray().Take(6).ToList();
        foreach (var s in streams) items.Add(new JsonObject { ["ids"] = s!["ids"]!.DeepClone(), ["keep_special"] = (bool?)s["keep_special"] ?? false });
        items.Add(new JsonObject { ["batch"] = new JsonArray("dawn", new JsonArray("one", "two")) });
        items.Add(new JsonObject { ["txt"] = "wrong" });
        string file = world.Fresh("texts") + ".json";
        File.WriteAllText(file, items.ToJsonString());
        var result = Program.Run("tokenize", "--model", Paths.Golden("tokenizers/qwen2"), "--texts", file, "--no-special-tokens", "--json").Good().Json.AsArray();
        Assert.Equal(items.Count, result.Count);
        for (int i = 0; i < texts.Count; i++)
        {
            World.HasKeys(result[i], "ids", "tokens", "offsets", "type_ids", "decoded", "decoded_plain");
            Assert.Equal(texts[i]!["ids"]!.ToJsonString(), result[i]!["ids"]!.ToJsonString());
            Assert.Equal(texts[i]!["offsets"]!.AsArray().Select(n => (int)n!), result[i]!["offsets"]!.AsArray().SelectMany(o => o!.AsArray().Select(n => (int)n!)));
        }
        for (int i = 0; i < streams.Count; i++)
        {
            World.HasKeys(result[texts.Count + i], "decoded", "decoded_plain", "pieces");
            Assert.Equal(streams[i]!["pieces"]!.AsArray().Select(p => (string?)p), result[texts.Count + i]!["pieces"]!.AsArray().Select(p => (string?)p));
        }
        var rows = result[^2]!["rows"]!.AsArray();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, r => World.HasKeys(r, "ids", "attention_mask", "type_ids", "special_tokens_mask"));
        World.HasKeys(result[^1], "error");
    }

    [Fact]
    public void Help_and_version_are_no_errors()
    {
        Assert.Contains("quickstart", Program.Run("--help").Good().Out);
        Assert.Contains("--resume", Program.Run("train", "--help").Good().Out);
    }
}

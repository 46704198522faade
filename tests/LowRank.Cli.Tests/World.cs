using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

/// <summary>Files that the tests share: a tiny model with a byte tokenizer, rows, adapters, and one finished run.</summary>
public sealed class World : IDisposable
{
    internal const int Steps = 14;

    /// <summary>Makes them.</summary>
    public World()
    {
        Folder = Paths.Temporary();
        Model = ByteTokenizer.Beside("llama");
        (Rows, EvalRows, Texts) = (At("rows.jsonl"), At("eval.jsonl"), At("texts.jsonl"));
        File.WriteAllLines(Rows, TokenRows(1, 24));
        File.WriteAllLines(EvalRows, TokenRows(2, 8));
        File.WriteAllLines(Texts, ["""{"prompt": "one two", "completion": "three four"}""", """{"prompt": "one two", "completion": "five"}""", """{"prompt": "six", "completion": "seven"}"""]);
        using var model = ModelLoader.Load(Model);
        var host = AdapterHost.Attach(model);
        foreach (var (name, seed) in (ReadOnlySpan<(string, ulong)>)[("a", 1), ("b", 2)])
            host.Add(name, new LoraConfig { Rank = 4, Alpha = 8, Initialisation = LoraInitialisation.None, TargetModules = Selector.AllLinear, BaseModel = Model }, seed, "llama").Save(At(name));
        host.Detach();
        RunOutcome = Program.Run([.. TrainArguments("float32"), "--eval-data", EvalRows, "--set", "eval_steps=5", "--output", RunFolder, "--json"]);
    }

    internal string Folder { get; }
    internal string Model { get; }
    /// <summary>24 rows of token ids.</summary>
    internal string Rows { get; }
    internal string EvalRows { get; }
    /// <summary>Prompts with completions, one prompt twice.</summary>
    internal string Texts { get; }
    internal string RunFolder => At("run");
    internal string RunAdapter => Path.Combine(RunFolder, "adapter");
    internal Program.Outcome RunOutcome { get; }

    internal string At(string name) => Path.Combine(Folder, name);
    internal string Fresh(string name) => At($"{name}-{Guid.NewGuid().ToString("N")[..8]}");

    /// <summary>A small run on token rows; without --output.</summary>
    internal string[] TrainArguments(string dtype, int steps = Steps) =>
    [
        "train", "--model", Model, "--data", Rows, "--dtype", dtype, "--threads", "1", "--seed", "3", "--quiet", "--set", $"max_steps={steps}", "--set", "batch_size=4", "--set", "learning_rate=0.01",
        "--set", "adapter.r=4", "--set", "adapter.lora_alpha=8", "--set", "adapter.lora_dropout=0.1", "--set", "save_steps=7",
    ];

    /// <summary>Logits in this process, as a yardstick.</summary>
    internal float[] Logits(string model, Tensor ids, Tensor? mask, params (string Folder, double Strength)[] adapters)
    {
        using var scope = NewDisposeScope();
        using var nothing = no_grad();
        using var lm = ModelLoader.Load(model);
        lm.eval();
        var host = AdapterHost.Attach(lm);
        foreach (var (folder, _) in adapters) host.Load(Path.GetFileName(folder), folder);
        host.Activate([.. adapters.Select(a => (Path.GetFileName(a.Folder), a.Strength))]);
        float[] logits = lm.Logits(lm.Hidden(ids, mask)).data<float>().ToArray();
        host.Detach();
        return logits;
    }

    internal static IEnumerable<string> TokenRows(int seed, int count)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(6, 20)).Select(_ => random.Next(3, 256))];
            int[] labels = [.. ids.Select((id, t) => t < 3 ? -100 : id)];
            yield return new JsonObject { ["input_ids"] = new JsonArray([.. ids.Select(x => (JsonNode)x)]), ["labels"] = new JsonArray([.. labels.Select(x => (JsonNode)x)]) }.ToJsonString();
        }
    }

    internal static void HasKeys(JsonNode? node, params string[] keys) => Assert.All(keys, k => Assert.True(node!.AsObject().ContainsKey(k), $"no {k} in {node.ToJsonString()}"));

    /// <summary>Removes them.</summary>
    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.Delete(Model, recursive: true);
    }
}

/// <summary>Tests that share the <see cref="World"/>.</summary>
[CollectionDefinition(Name)]
public sealed class SharedWorld : ICollectionFixture<World>
{
    internal const string Name = "world";
}

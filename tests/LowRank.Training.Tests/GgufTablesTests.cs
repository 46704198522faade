using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>A GGUF file's embedding and output layer in blocks are, to training and to adapters on them, what they are expanded.</summary>
public class GgufTablesTests
{
    private static readonly (string Table, string? Head)[] Tables = [("Q8_0", null), ("Q6_K", null), ("Q4_K", "Q6_K"), ("Q4_1", "Q8_0")];

    public static TheoryData<string, string?, bool, string> Runs => [.. from t in Tables from fast in (bool[])[true, false] from dtype in (string[])["float32", "bfloat16"] select (t.Table, t.Head, fast, dtype)];

    [Theory, MemberData(nameof(Runs))]
    public void A_run_gives_the_expanded_model_s_bits(string table, string? head, bool fast, string dtype)
    {
        string path = GgufLlama.Save(table, head), temporary = Paths.Temporary(), rows = TestRun.RandomRows(Path.Combine(temporary, "rows.jsonl"), 8, GgufLlama.Vocabulary, 3);
        var kept = Run(QuantizeChoice.Keep);
        var expanded = Run(QuantizeChoice.None);
        Assert.Equal(expanded.Log, kept.Log);
        Assert.Equal(expanded.Weights, kept.Weights);
        Assert.Equal(ModelLoader.Describe(path).Bytes, kept.Bytes); // else both had been expanded

        (List<(double, double)> Log, List<float[]> Weights, long Bytes) Run(string quantize)
        {
            RunSettings settings = new() { Model = path, Data = rows, EvalData = rows, Quantize = quantize, BatchSize = 4, MaxSteps = 4, LearningRate = 0.01, Dtype = dtype, Shuffle = false };
            using var run = new TestRun(settings, Path.Combine(temporary, quantize));
            List<(double, double)> log = [];
            var trainer = run.Trainer(l => log.Add((l.Loss, l.GradNorm)), allowFast: fast);
            Assert.Equal(fast ? "fast" : "autograd", trainer.Path);
            trainer.Run();
            var sums = Evaluator.Run(run.Model, RowSet.Load(settings.DataOptions(), GgufLlama.Vocabulary, null).ForEvaluation());
            log.Add((sums.Loss, sums.Hits));
            return (log, [.. run.Trainable.Tensors.Select(t => t.Tensor.data<float>().ToArray())], run.Model.Bytes);
        }
    }

    public static TheoryData<string, string?, string> Adapters => [.. from t in Tables[1..3] from a in Configs.Keys select (t.Table, t.Head, a)];

    private static readonly Dictionary<string, string> Configs = new()
    {
        ["embedding"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens"]}""",
        ["output layer"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["lm_head", "q_proj"]}""",
        ["both"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens", "lm_head"]}""",
        ["tied"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens"], "ensure_weight_tying": true}""",
        ["dora"] = """{"r": 4, "lora_alpha": 8, "use_dora": true, "target_modules": ["embed_tokens", "lm_head"]}""",
        ["copies"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]}""",
        ["tied copies"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": true}""",
        ["rows"] = """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "trainable_token_indices": [3, 7, 144]}""",
    };

    [Theory, MemberData(nameof(Adapters))]
    public void An_adapter_on_them_is_what_it_is_on_expanded_ones(string table, string? head, string which)
    {
        using var scope = NewDisposeScope();
        string path = GgufLlama.Save(table, head);
        using CausalLM kept = ModelLoader.Load(path, quantize: QuantizeChoice.Keep), expanded = ModelLoader.Load(path);
        var blocks = kept.QuantizedWeights().ToDictionary(w => w.Name, w => w.Weight);
        AdapterHost over = AdapterHost.Attach(kept), reference = AdapterHost.Attach(expanded);
        JsonObject Config()
        {
            var config = JsonNode.Parse(Configs[which])!.AsObject();
            (config["peft_type"], config["init_lora_weights"]) = ("LORA", false);
            return config;
        }
        Adapter a = over.Add("a", LoraConfig.FromJson(Config()), 5), b = reference.Add("a", LoraConfig.FromJson(Config()), 5);
        var ids = tensor(new long[] { 3, 50, 7, 9, 144, 11, 30, 31 }, [2, 4]);
        Tensor mine = kept.call(ids), theirs = expanded.call(ids);
        Same(theirs, mine);
        mine.mul(mine).mean().backward();
        theirs.mul(theirs).mean().backward();
        Assert.Equal(b.Parameters.Select(p => p.Key), a.Parameters.Select(p => p.Key));
        foreach (var (p, q) in a.Parameters.Zip(b.Parameters))
        {
            Same(q.Parameter, p.Parameter);
            Same(q.Parameter.grad!, p.Parameter.grad!);
        }

        using var _ = no_grad();
        string folder = Path.Combine(Paths.Temporary(), "a");
        a.Save(folder);
        over.Merge();
        reference.Merge();
        var merged = kept.call(ids);
        Same(expanded.call(ids), merged);
        string written = Path.Combine(Paths.Temporary(), "merged");
        ModelWriter.Save(kept, written);
        using (var again = ModelLoader.Load(written)) Same(merged, again.call(ids));
        over.Unmerge();
        Assert.Equal(blocks, kept.QuantizedWeights().ToDictionary(w => w.Name, w => w.Weight));
        Assert.Equal(head is null, kept.IsTied);
        Same(mine, kept.call(ids));
        over.Merge(MergeInto.SameKind);
        Assert.Equal(blocks.Values.Select(w => w.Kind).Distinct().Order(), kept.QuantizedWeights().Select(w => w.Weight.Kind).Distinct().Order());
        over.Unmerge();
        over.Delete("a");
        over.Load("b", folder);
        Same(mine, kept.call(ids));
        over.Detach();
        reference.Detach();
        Assert.Equal(blocks, kept.QuantizedWeights().ToDictionary(w => w.Name, w => w.Weight));
    }

    [Fact]
    public void Training_all_weights_of_a_model_in_blocks_expands_them_and_keeps_what_is_shared()
    {
        using var scope = NewDisposeScope();
        using var model = ModelLoader.Load(GgufLlama.Save(), quantize: QuantizeChoice.Keep);
        var ids = tensor(new long[] { 3, 50, 7, 9 }, [1, 4]);
        Tensor before;
        using (no_grad()) before = model.call(ids);
        model.MakeTrainable();
        Assert.True(model.IsTied);
        Assert.False(model.IsQuantized);
        Same(before, model.call(ids));
    }

    [Fact]
    public void A_plan_counts_the_tables_as_they_are_held()
    {
        string path = GgufLlama.Save("Q4_K", "Q6_K");
        RunSettings Settings(string quantize) => new() { Model = path, Data = "x", Quantize = quantize, BatchSize = 2, Dtype = "float32" };
        long Weights(string quantize, bool fast)
        {
            using var model = ModelLoader.Load(path, quantize: quantize);
            var adapter = AdapterHost.Attach(model).Add("a", new LoraConfig { TargetModules = Selector.AllLinear }, 1);
            return Planner.Make(model, adapter, new PlanRequest(Settings(quantize), 2, 16) { Runtime = 0, AllowFast = fast }).Memory.Single(m => m.Part == "weights").Bytes;
        }
        const int row = 256, q4 = 144, used = 32; // numbers of a row, a block's bytes, tokens of the step
        long file = ModelLoader.Describe(path).Bytes;
        Assert.Equal(file - (GgufLlama.Vocabulary - used) * q4, Weights(QuantizeChoice.Keep, fast: true)); // of the embedding the rows that occur
        Assert.Equal(file, Weights(QuantizeChoice.Keep, fast: false));
        using var expanded = ModelLoader.Load(path);
        Assert.Equal(expanded.Bytes - (GgufLlama.Vocabulary - used) * row * sizeof(float), Weights(QuantizeChoice.None, fast: true));
    }

    private static void Same(Tensor a, Tensor b) => Assert.Equal(a.detach().reshape(-1).data<float>().ToArray(), b.detach().reshape(-1).data<float>().ToArray());
}

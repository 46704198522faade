using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Over every shape of layer, a quantised base is to its adapters what a plain base with the expanded values is.</summary>
public class QuantizedLawTests
{
    // Transposed weights and biases, fused projections, biases on some, a mixture of experts, norms on heads, soft caps.
    public static TheoryData<string, string, bool> Cases => new MatrixTheoryData<string, string, bool>(["gpt2", "gpt-neox", "phi3", "qwen2", "mixtral", "gemma2"], ["nf4", "int8"], [false, true]);

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_gradients_and_merged_weights_are_those_over_the_expanded_values(string name, string kind, bool dora)
    {
        using var scope = NewDisposeScope();
        string folder = Paths.Golden("models/" + name);
        using CausalLM quantised = ModelLoader.Load(folder, quantize: kind), plain = ModelLoader.Load(folder);
        var blocks = quantised.QuantizedWeights().ToDictionary(w => w.Name, w => w.Weight);
        Assert.Equal(plain.Projections().Count(p => !p.Module.IsOutputEmbedding), blocks.Count);
        foreach (var (path, projection) in plain.Projections())
            if (blocks.TryGetValue(path + ".weight", out var weight))
                projection.Replace(new TorchSharp.Modules.Parameter(weight.Dequantize(ScalarType.Float32), requires_grad: false)).Weight!.Dispose();

        LoraConfig config = new() { Rank = 4, Alpha = 8, UseDora = dora, Initialisation = LoraInitialisation.None, TargetModules = Selector.AllLinear };
        AdapterHost over = AdapterHost.Attach(quantised), reference = AdapterHost.Attach(plain);
        Adapter a = over.Add("a", config, 5), b = reference.Add("a", config, 5);
        var ids = tensor(new long[] { 3, 50, 7, 9, 200, 11, 30, 31 }, [2, 4]);
        Tensor mine = quantised.call(ids), theirs = plain.call(ids);
        Near(theirs, mine);
        mine.mul(mine).mean().backward();
        theirs.mul(theirs).mean().backward();
        foreach (var (p, q) in a.Parameters.Zip(b.Parameters))
        {
            Assert.Equal(q.Key, p.Key);
            if (q.Parameter.grad is { } gradient) Near(gradient, p.Parameter.grad!); // an expert that no token went to has none
            else Assert.Null(p.Parameter.grad);
        }

        using var _ = no_grad();
        over.Merge();
        Near(theirs, quantised.call(ids), 1e-4);
        over.Unmerge();
        Assert.Equal(blocks.Values, quantised.QuantizedWeights().Select(w => w.Weight));
        over.Merge(MergeInto.SameKind);
        Assert.Equal(blocks.Count, quantised.QuantizedWeights().Count());
        over.Detach();
        reference.Detach();
        Assert.Equal(blocks.Values, quantised.QuantizedWeights().Select(w => w.Weight));
    }

    [Fact]
    public void A_projection_trained_as_a_copy_starts_at_its_expanded_values()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = ModelLoader.Load(Paths.Golden("models/llama"), quantize: "nf4");
        var ids = tensor(new long[] { 3, 50, 7, 9 }, [1, 4]);
        var before = model.call(ids);
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.Of("q_proj"), ModulesToSave = ["down_proj"] }, 5);
        Near(before, model.call(ids));
        var copies = adapter.Parameters.Where(p => p.Role == ParameterRole.Saved).ToList();
        Assert.Equal(3, copies.Count);
        Near(model.QuantizedWeights().First(w => w.Name.Contains("down_proj", StringComparison.Ordinal)).Weight.Dequantize(ScalarType.Float32), copies[0].Parameter);
        string folder = Path.Combine(Paths.Temporary(), "a");
        adapter.Save(folder);
        host.Delete("a");
        host.Load("b", folder);
        Near(before, model.call(ids));
        host.Merge();
        Near(before, model.call(ids));
        host.Detach();
    }

    [Fact]
    public void A_step_by_hand_and_one_by_autograd_agree_over_blocks()
    {
        double[] Losses(bool fast)
        {
            string folder = Paths.Temporary();
            RunSettings settings = new()
            {
                Model = Paths.Golden("models/llama"), Data = TestRun.RandomRows(Path.Combine(folder, "rows.jsonl"), 8, 256, 3), Quantize = "nf4", BatchSize = 4, MaxSteps = 4, LearningRate = 0.01, Dtype = "float32", Shuffle = false,
            };
            using var run = new TestRun(settings, Path.Combine(folder, "run"));
            List<double> losses = [];
            var trainer = run.Trainer(log => losses.Add(log.Loss), allowFast: fast);
            Assert.Equal(fast ? "fast" : "autograd", trainer.Path);
            trainer.Run();
            return [.. losses];
        }
        var (fast, slow) = (Losses(true), Losses(false));
        Assert.Equal(4, fast.Length);
        foreach (var (x, y) in fast.Zip(slow)) Assert.Equal(y, x, 1e-5);
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance = 1e-5)
        => Assert.InRange(expected.sub(actual).abs().max().item<float>(), 0, tolerance * Math.Max(1, expected.abs().max().item<float>()));
}

using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>LoftQ: base and adapter together are nearer to the plain model than the quantised base alone, and the nearer the more rounds.</summary>
public class LoftqTests
{
    private static LoraConfig Config(int rounds, double alpha = 8, int rank = 8) => LoraConfig.FromJson(new JsonObject
    {
        ["r"] = rank, ["lora_alpha"] = alpha, ["target_modules"] = "all-linear", ["init_lora_weights"] = "loftq", ["loftq_config"] = new JsonObject { ["loftq_bits"] = 4, ["loftq_iter"] = rounds },
    });

    [Theory, InlineData(1, 8.0), InlineData(1, 24.0), InlineData(5, 8.0)]
    public void Quantised_weight_and_delta_are_the_best_pair_that_the_rounds_give(int rounds, double alpha)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using CausalLM plain = ModelLoader.Load(Paths.Golden("models/llama")), model = ModelLoader.Load(Paths.Golden("models/llama"), quantize: "nf4");
        var weights = plain.Weights().ToDictionary(w => w.Name, w => w.Parameter);
        var before = model.QuantizedWeights().ToDictionary(w => w.Name, w => w.Weight.Dequantize(ScalarType.Float32));
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("loftq", Config(rounds, alpha), 1);
        var values = adapter.Parameters.ToDictionary(p => p.Key, p => p.Parameter);
        foreach (var (name, blocks) in model.QuantizedWeights())
        {
            string key = "base_model.model." + name[..^"weight".Length];
            Tensor w = weights[name], q = blocks.Dequantize(ScalarType.Float32), delta = values[key + "lora_B.weight"].mm(values[key + "lora_A.weight"]).mul(Scalars.Of(alpha / 8));
            // by hand: the same rounds with the definition's own steps
            Tensor rest = w, expectedQ = w, product = w;
            for (int i = 0; i < rounds; i++)
            {
                using var again = Bnb4Weight.Quantize("nf4", rest);
                expectedQ = again.Dequantize(ScalarType.Float32);
                var (u, s, v) = linalg.svd(w.sub(expectedQ), fullMatrices: false);
                var root = s.narrow(0, 0, 8).sqrt();
                product = u.narrow(1, 0, 8).mul(root).mm(v.narrow(0, 0, 8).mul(root.unsqueeze(1)));
                rest = w.sub(product);
            }
            Assert.InRange(Largest(q.sub(expectedQ)), 0, 1e-6);
            Assert.InRange(Largest(delta.sub(product)), 0, 1e-5);
            if (rounds == 1) Assert.Equal(0, Largest(q.sub(before[name])));
            Assert.True(Norm(w.sub(q).sub(delta)) < 0.9 * Norm(w.sub(before[name])));
        }
        host.Detach();
    }

    [Fact]
    public void The_adapter_and_its_base_are_read_back_together()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        string adapterFolder = Path.Combine(Paths.Temporary(), "adapter"), baseFolder = Path.Combine(Paths.Temporary(), "base");
        var ids = tensor(new long[] { 3, 50, 7, 9, 200, 11 }, [1, 6]);
        Tensor expected;
        using (var model = ModelLoader.Load(Paths.Golden("models/llama"), quantize: "nf4"))
        {
            var host = AdapterHost.Attach(model);
            host.Add("loftq", Config(3), 1).Save(adapterFolder);
            ModelWriter.Save(model, baseFolder, quantized: true);
            expected = model.call(ids);
            host.Detach();
        }
        using var again = ModelLoader.Load(baseFolder);
        var second = AdapterHost.Attach(again);
        var read = second.Load("loftq", adapterFolder);
        Assert.Equal((LoraInitialisation.LoftQ, 3), (read.Config.Initialisation, read.Config.LoftqIterations));
        Assert.InRange(Largest(again.call(ids).sub(expected)), 0, 1e-5);
        second.Detach();
    }

    [Fact]
    public void What_it_cannot_start_from_is_refused()
    {
        string Refused(string folder, string? quantize, LoraConfig config)
        {
            using var model = ModelLoader.Load(folder, quantize: quantize);
            var host = AdapterHost.Attach(model);
            string message = Assert.Throws<BadInputException>(() => host.Add("loftq", config, 1)).Message;
            host.Detach();
            return message;
        }
        string plain = Paths.Golden("models/llama");
        Assert.Contains("quantize: nf4", Refused(plain, null, Config(1)));
        Assert.Contains("int8", Refused(plain, "int8", Config(1)));
        Assert.Contains("the weights from which the base was quantised", Refused(Paths.Golden("quant/qlora/nf4/model"), null, Config(1)));
        Assert.Contains("larger than the layer", Refused(plain, "nf4", Config(1, rank: 64)));
        Assert.Contains("loftq_bits: 2", Assert.Throws<BadInputException>(() => LoraConfig.FromJson(new JsonObject { ["init_lora_weights"] = "loftq", ["loftq_config"] = new JsonObject { ["loftq_bits"] = 2 } })).Message);
        Assert.Contains("there is no such setting", Assert.Throws<BadInputException>(() => LoraConfig.FromJson(new JsonObject { ["init_lora_weights"] = "loftq", ["loftq_config"] = new JsonObject { ["bits"] = 4 } })).Message);
    }

    private static double Largest(Tensor x) => x.abs().max().item<float>();
    private static double Norm(Tensor x) => Math.Sqrt(x.mul(x).sum().item<float>());
}

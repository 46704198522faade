using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using static TorchSharp.torch;

namespace LowRank.Inference.Tests;

/// <summary>The real SmolLM2-135M from its GGUF file, against what Transformers computes.</summary>
public class RealModelTests
{
    private static string Model => Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    private static string Golden(string name) => Paths.Shared("goldens/smollm2/" + name);

    [Fact]
    public void Logits_of_every_prompt_equal_the_reference_s()
    {
        using var model = ModelLoader.Load(Model);
        using var prompts = SafetensorsFile.Open(Golden("prompts.safetensors"));
        using var nothing = no_grad();
        int count = prompts.Names.Count(n => n.EndsWith(".input_ids", StringComparison.Ordinal));
        Assert.Equal(8, count);
        for (int i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            var logits = model.call(prompts.Get($"{i}.input_ids").to(ScalarType.Int64).unsqueeze(0)).squeeze(0);
            Assert.True(logits.logsumexp(-1).sub(prompts.Get($"{i}.logsumexp")).abs().max().item<float>() < 5e-4, $"logsumexp of prompt {i}");
            var top = logits[-1].index_select(0, prompts.Get($"{i}.top_ids").to(ScalarType.Int64));
            Assert.True(top.sub(prompts.Get($"{i}.top_logits")).abs().max().item<float>() < 5e-4, $"best logits of prompt {i}");
            Tensor best = logits.argmax(-1), expected = prompts.Get($"{i}.argmax").to(ScalarType.Int64);
            foreach (long at in best.ne(expected).nonzero().flatten().data<long>().ToArray()) // equal but for near ties
                Assert.True(Math.Abs(logits[at][best[at]].item<float>() - logits[at][expected[at]].item<float>()) < 1e-3, $"prompt {i}, position {at}");
        }
    }

    [Fact]
    public void Greedy_texts_equal_the_reference_s_in_one_batch()
    {
        using var model = ModelLoader.Load(Model);
        using var gguf = GgufFile.Open(Model);
        using var prompts = SafetensorsFile.Open(Golden("prompts.safetensors"));
        var tokenizer = Tokenizer.FromGguf(gguf.Metadata);
        using var scope = NewDisposeScope();
        int[] Ids(string name) => [.. prompts.Get(name).to(ScalarType.Int64).data<long>().ToArray().Select(i => (int)i)];
        var requests = Enumerable.Range(0, 8).Select(i => new GenerationRequest(Ids($"{i}.input_ids"))).ToList();
        var results = new Generator(model, tokenizer).Generate(requests, new GenerationOptions { Greedy = true, MaxNewTokens = 48 });
        for (int i = 0; i < results.Count; i++) Assert.Equal(Ids($"{i}.greedy"), results[i].Ids);
    }

    [Fact]
    public void Log_probabilities_of_texts_equal_the_reference_s()
    {
        using var model = ModelLoader.Load(Model);
        using var golden = SafetensorsFile.Open(Golden("logprobs.safetensors"));
        using var nothing = no_grad();
        for (int i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            var ids = golden.Get($"{i}.input_ids").to(ScalarType.Int64);
            var all = model.call(ids.unsqueeze(0)).squeeze(0).log_softmax(-1);
            var next = all.narrow(0, 0, ids.size(0) - 1).gather(1, ids.narrow(0, 1, ids.size(0) - 1).unsqueeze(1)).squeeze(1);
            Assert.True(next.sub(golden.Get($"{i}.logprobs")).abs().max().item<float>() < 5e-4);
        }
    }
}

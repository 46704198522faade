using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using LowRank.Text;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Evaluation and the first training steps of the real SmolLM2-135M, against what PEFT and Transformers compute. The whole run of 60 steps takes minutes and is made where LOWRANK_STRESS is set.</summary>
public class RealModelTests
{
    private static string Model => Paths.Shared("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    private static readonly bool Whole = Environment.GetEnvironmentVariable("LOWRANK_STRESS") is not null;
    private static string Golden(string name) => Paths.Shared("goldens/smollm2/" + name);

    [Fact]
    public void Held_out_loss_and_hits_equal_the_reference_s()
    {
        var golden = JsonNode.Parse(File.ReadAllText(Golden("perplexity.json")))!;
        using var model = ModelLoader.Load(Model);
        var sums = Evaluator.Run(model, RowSet.Load(Golden("eval-rows.jsonl"), model.Spec.VocabularySize, Encoder(), null).ForEvaluation());
        Assert.Equal((double)golden["loss"]!, sums.Loss / sums.Targets, 1e-4);
        Assert.Equal((double)golden["token_accuracy"]!, (double)sums.Hits / sums.Targets, 2e-3);
    }

    [Fact]
    public void The_run_by_hand_gives_the_reference_s_losses_norms_and_weights()
    {
        var golden = JsonNode.Parse(File.ReadAllText(Golden("run/run.json")))!;
        var log = golden["log"]!.AsArray();
        string temporary = Paths.Temporary();
        RunSettings settings = new()
        {
            Model = Model, Data = Golden("run/train-rows.jsonl"), InitAdapter = Golden("run/initial"), Shuffle = false, BatchSize = 8, MaxSteps = Whole ? 60 : 2, LearningRate = 2e-4, LrSchedulerType = "constant", Dtype = "float32",
        };
        using var run = new TestRun(settings, Path.Combine(temporary, "run"));
        List<StepLog> ours = [];
        var trainer = run.Trainer(ours.Add, encoder: Encoder());
        Assert.Equal("fast", trainer.Path);
        trainer.Run();
        Assert.Equal(settings.MaxSteps, ours.Count);
        for (int i = 0; i < ours.Count; i++)
        {
            Assert.Equal((double)log[i]!["loss"]!, ours[i].Loss, 1e-4);
            Assert.Equal((double)log[i]!["grad_norm"]!, ours[i].GradNorm, (double)log[i]!["grad_norm"]! * 1e-3);
            Assert.Equal((long)log[i]!["target_tokens"]!, ours[i].TargetTokens);
            Assert.Equal((long)log[i]!["tokens"]!, ours[i].Tokens);
        }
        if (!Whole) return;
        using var scope = NewDisposeScope();
        var norms = golden["final_norms"]!.AsObject();
        Assert.Equal(run.Trainable.Tensors.Count, norms.Count);
        foreach (var (key, tensor) in run.Trainable.Tensors.Select(t => (t.Key, t.Tensor)))
        {
            double norm = (double)norms[key]!["norm"]!, sum = (double)norms[key]!["sum"]!;
            Assert.Equal(norm, tensor.norm().item<float>(), 1e-3 * norm);
            Assert.Equal(sum, tensor.sum().item<float>(), 1e-3 * norm * Math.Sqrt(tensor.NumberOfElements));
        }
    }

    private static TokenEncoder Encoder()
    {
        using var gguf = GgufFile.Open(Model);
        var tokenizer = Tokenizer.FromGguf(gguf.Metadata);
        return new TokenEncoder((text, special) => tokenizer.Encode(text, special), tokenizer.EosId, tokenizer.VocabularySize);
    }
}

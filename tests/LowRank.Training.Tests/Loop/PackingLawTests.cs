using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Rows end to end are the rows alone: the same losses and the same gradients, in every family, both ways of computing, with and without checkpointing.</summary>
public class PackingLawTests
{
    private const double Weight = 1 / 37.0;
    // Two rows of one length, one of a single token, some longer than the sliding windows of the tiny models, some longer than their rope's trained length.
    private static readonly int[] Lengths = [7, 21, 3, 12, 1, 7, 18, 2];

    public static TheoryData<string> Families => [.. Directory.EnumerateDirectories(Paths.Golden("models")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Families))]
    public void All_gradients_of_documents_end_to_end_are_the_sum_over_the_rows(string name)
    {
        using var model = ModelLoader.Load(Paths.Golden("models/" + name), ScalarType.Float32);
        var trainable = new FullTrainable(model);
        foreach (bool checkpointing in (bool[])[false, true])
        {
            var step = new TrainingStep(model, seed: 1, checkpointing);
            CheckLaw(step, trainable, Rows(model, Lengths));
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("llama-bias")]
    [InlineData("llama-yarn")]
    [InlineData("llama-dynamic")]
    [InlineData("qwen2")]
    public void So_are_those_of_the_step_by_hand(string name)
    {
        using var model = ModelLoader.Load(Paths.Golden("models/" + name), ScalarType.Float32);
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", LoraConfig.FromJson(new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 12, ["target_modules"] = "all-linear", ["init_lora_weights"] = false }), 3, model.Spec.ModelType);
        host.Activate(("a", 1));
        var trainable = new AdapterTrainable(model, adapter);
        Assert.Null(FastStep.Refusal(model, adapter, new RunSettings { MaxLength = 64 }));
        // Longer than a block of the attention's rows, so that blocks and documents meet.
        CheckLaw(new FastStep(model, adapter), trainable, Rows(model, [.. Lengths, 300, 257, 300]));
        CheckLaw(new TrainingStep(model, 1, checkpointing: false), trainable, Rows(model, Lengths));
        host.Detach();
    }

    [Theory]
    [InlineData("llama", true)]
    [InlineData("mistral", false)]
    [InlineData("gemma2", false)]
    public void In_bfloat16_they_are_as_close_as_that_allows(string name, bool byHand)
    {
        using var model = ModelLoader.Load(Paths.Golden("models/" + name), ScalarType.BFloat16);
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", LoraConfig.FromJson(new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["target_modules"] = "all-linear", ["init_lora_weights"] = false }), 3, model.Spec.ModelType);
        host.Activate(("a", 1));
        var trainable = new AdapterTrainable(model, adapter);
        IMicroStep step = byHand ? new FastStep(model, adapter) : new TrainingStep(model, 1, checkpointing: true);
        var rows = Rows(model, Lengths);
        var (loss, gradients) = Run(step, trainable, rows.Select(r => Batch.Of([r], 0)));
        var (got, gotGradients) = Run(step, trainable, [Batch.EndToEnd(rows)]);
        Assert.Equal(loss, got, 3e-3 * loss);
        double whole = Math.Sqrt(gradients.Values.Sum(g => g.Sum(x => (double)x * x))), difference = Math.Sqrt(gradients.Sum(g => g.Value.Zip(gotGradients[g.Key], (a, b) => (double)(a - b) * (a - b)).Sum()));
        Assert.True(difference < 0.05 * whole, $"{difference} of {whole}");
        host.Detach();
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Evaluation_end_to_end_is_evaluation_row_by_row(string name)
    {
        using var model = ModelLoader.Load(Paths.Golden("models/" + name), ScalarType.Float32);
        var rows = Rows(model, Lengths);
        TargetSums alone = Evaluator.Run(model, rows.Select(r => Batch.Of([r], 0))), together = Evaluator.Run(model, EvaluationBatches.ByLength(rows, 50).Select(b => b.Batch));
        Assert.Equal(alone.Loss, together.Loss, 1e-5 * alone.Loss);
        Assert.Equal((alone.Hits, alone.Targets), (together.Hits, together.Targets));
        var filled = Evaluator.Run(model, EvaluationBatches.ByLength(rows, 50, 32).Select(b => b.Batch));
        Assert.Equal(alone.Loss, filled.Loss, 1e-5 * alone.Loss);
        Assert.Equal((alone.Hits, alone.Targets), (filled.Hits, filled.Targets));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_document_knows_nothing_of_its_neighbours(string name)
    {
        using var model = ModelLoader.Load(Paths.Golden("models/" + name), ScalarType.Float32);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var layout = new DocumentLayout([9, 14, 9, 5]);
        long[] ids = [.. Enumerable.Range(0, 37).Select(i => 3 + i * 37L % (model.Spec.VocabularySize - 3))];
        var before = model.Hidden(model.Prepare(tensor(ids, 1, 37), layout));
        for (int i = 0; i < 37; i++) if (i is < 9 or >= 23) ids[i] = (ids[i] + 5) % model.Spec.VocabularySize; // all documents but the second
        var after = model.Hidden(model.Prepare(tensor(ids, 1, 37), layout));
        double difference = (before - after).abs().narrow(1, 9, 14).max().item<float>(), elsewhere = (before - after).abs().narrow(1, 23, 14).max().item<float>();
        Assert.True(difference < 1e-6, $"{difference}");
        Assert.True(elsewhere > 1e-3, $"{elsewhere}");
    }

    [Fact]
    public void The_last_token_of_a_document_does_not_predict_the_next_documents_first()
    {
        var batch = Batch.EndToEnd([new Row([1, 2], [1, 2]), new Row([3, 4, 5], [3, -100, 5]), new Row([6], [6])]);
        Assert.Equal([3, 4, 5, 1, 2, 6], batch.Ids);
        Assert.Equal([-100, -100, 5, -100, 2, -100], batch.Labels);
        Assert.Equal([3, 2, 1], batch.Documents!);
        Assert.Equal((1, 6, 6, 2), (batch.B, batch.T, batch.Tokens, batch.TargetTokens));
        var (positions, targets) = TargetLoss.Shift(batch.Labels, batch.B, batch.T);
        Assert.Equal([1, 3], positions);
        Assert.Equal([5, 2], targets);
    }

    [Fact]
    public void A_layout_that_is_not_the_sequences_is_refused()
    {
        using var model = ModelLoader.Load(Paths.Golden("models/gpt2"), ScalarType.Float32);
        using var scope = NewDisposeScope();
        Assert.Contains("[1, 7]", Assert.Throws<ArgumentException>(() => model.Prepare(zeros(1, 8, ScalarType.Int64), new DocumentLayout([3, 4]))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DocumentLayout([3, 0]));
        // Learned positions bound a document, not the sequence.
        int most = model.Spec.MaxPositions;
        model.Prepare(zeros(1, 2 * most, ScalarType.Int64), new DocumentLayout([most, most]));
        Assert.Contains("learned positions", Assert.Throws<Tensors.BadInputException>(() => model.Prepare(zeros(1, most + 1, ScalarType.Int64), new DocumentLayout([most + 1]))).Message);
    }

    private static void CheckLaw(IMicroStep step, ITrainable trainable, Row[] rows)
    {
        var (loss, gradients) = Run(step, trainable, rows.Select(r => Batch.Of([r], 0)));
        Near(loss, gradients, Run(step, trainable, [Batch.EndToEnd(rows)]), "end to end");
        Near(loss, gradients, Run(step, trainable, [Batch.EndToEnd(rows[..3]), Batch.EndToEnd(rows[3..])]), "in two sequences");
    }

    private static void Near(double loss, Dictionary<string, float[]> gradients, (double Loss, Dictionary<string, float[]> Gradients) got, string what)
    {
        Assert.Equal(loss, got.Loss, 1e-5 * loss);
        double whole = Math.Sqrt(gradients.Values.Sum(g => g.Sum(x => (double)x * x)));
        Assert.True(whole > 1e-3);
        foreach (var (key, expected) in gradients)
        {
            double norm = Math.Sqrt(expected.Sum(x => (double)x * x)), difference = Math.Sqrt(expected.Zip(got.Gradients[key], (a, b) => (double)(a - b) * (a - b)).Sum());
            // A bias of keys has a gradient of zero but for rounding: what is tiny beside the whole is held to the whole.
            Assert.True(difference <= 1e-5 * Math.Max(norm, 1e-3 * whole), $"{what}, {key}: {difference} of {norm} of {whole}");
        }
    }

    private static (double Loss, Dictionary<string, float[]> Gradients) Run(IMicroStep step, ITrainable trainable, IEnumerable<Batch> batches)
    {
        foreach (var t in trainable.Tensors) t.Tensor.grad = null;
        double loss = 0;
        foreach (var batch in batches) loss += step.Run(batch, Weight, 0).Loss;
        using var scope = NewDisposeScope();
        return (loss, trainable.Tensors.ToDictionary(t => t.Key, t => t.Tensor.grad is { } g ? g.clone().data<float>().ToArray() : new float[t.Tensor.NumberOfElements]));
    }

    private static Row[] Rows(CausalLM model, int[] lengths)
    {
        var random = new Random(4);
        return [.. lengths.Select(length =>
        {
            int[] ids = [.. Enumerable.Range(0, length).Select(_ => random.Next(3, model.Spec.VocabularySize))];
            return new Row(ids, [.. ids.Select((id, i) => random.Next(4) == 0 ? Row.Ignored : id)]);
        })];
    }
}

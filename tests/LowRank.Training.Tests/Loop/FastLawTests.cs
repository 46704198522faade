using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>The step written by hand is automatic differentiation: the loss and every gradient of a micro-batch, for every row of <see cref="FastLaw"/>.</summary>
public class FastLawTests
{
    private static readonly string First = FastLaw.Adapters.Keys.First();

    public static TheoryData<string, string> Rows => [.. from model in FastLaw.Models from adapter in FastLaw.Adapters.Keys where adapter == First || !ProcessorVariants.IsChild select (model, adapter)];
    // In two columns of numbers, rounding is no longer a matter of statistics.
    public static TheoryData<string> Models => [.. FastLaw.Models.Where(m => m != "tiny")];

    [Fact]
    public void The_families_are_at_least_these()
    {
        if (ProcessorVariants.IsChild) return;
        string[] least = ["gemma", "granite", "llama", "llama-bias", "llama-dynamic", "llama-tied", "llama-yarn", "llama3-rope", "mistral", "phi3", "phi3-longrope", "qwen2", "smollm3"];
        Assert.Empty(least.Except(FastLaw.Models));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void In_float32_every_gradient_is_the_same(string model, string adapter)
    {
        using FastLawRow row = new(model, adapter, ScalarType.Float32);
        using var byHand = row.ByHand();
        int which = 0;
        foreach (var (batch, ours, theirs) in FastLaw.Batches(row.Spec, large: adapter == First && !ProcessorVariants.IsChild))
            Near(row.Run(row.Plain(checkpointing: which++ % 2 == 1), theirs), row.Run(byHand, ours), $"{model}, {adapter}, {batch}");
    }

    [Fact]
    public void Gradients_of_micro_batches_add_up()
    {
        using FastLawRow row = new("llama", First, ScalarType.Float32);
        using var byHand = row.ByHand();
        var batches = FastLaw.Batches(row.Spec, large: true).ToList();
        Near(row.Run(row.Plain(), [.. batches.SelectMany(b => b.Plain)]), row.Run(byHand, [.. batches.Select(b => b.ByHand)]), "all batches");
    }

    /// <summary>Two roundings at different places differ by as much as each differs from float32: the step by hand may be no further from it than automatic differentiation is.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void In_bfloat16_they_are_as_near_to_float32_as_those_of_automatic_differentiation(string model)
    {
        using FastLawRow exact = new(model, First, ScalarType.Float32, rounded: true), row = new(model, First, ScalarType.BFloat16);
        using var byHand = row.ByHand();
        foreach (var (batch, ours, theirs) in FastLaw.Batches(row.Spec, large: model is "mistral" or "head of 128" or "llama nf4"))
        {
            Pass truth = exact.Run(exact.Plain(), theirs), got = row.Run(byHand, ours);
            Pass plain = Processor.HasBFloat16 && !ProcessorVariants.IsChild ? row.Run(row.Plain(), theirs) : Scaled(truth, 1.1f); // without units for it, automatic differentiation in bfloat16 takes a hundred times as long
            Assert.True(Math.Abs(got.Loss - truth.Loss) <= 2 * Math.Abs(plain.Loss - truth.Loss) + 4e-3 * truth.Loss, $"{model}, {batch}: loss {got.Loss}, by automatic differentiation {plain.Loss}, in float32 {truth.Loss}");
            double whole = Norm(truth.Gradients.Values.SelectMany(g => g));
            foreach (var (key, expected) in truth.Gradients)
            {
                double norm = Norm(expected), error = Norm(expected.Zip(got.Gradients[key], (a, b) => a - b)), allowed = Norm(expected.Zip(plain.Gradients[key], (a, b) => a - b));
                Assert.True(error <= 2 * allowed + 0.03 * norm + 0.02 * whole, $"{model}, {batch}, {key}: off by {error}, automatic differentiation by {allowed}, of {norm}, of all {whole}");
            }
        }
    }

    /// <summary>A row of zeros has no direction: DoRA's gain there is 0 and so is every gradient of it, by hand as by automatic differentiation.</summary>
    [Theory]
    [InlineData("llama zero")]
    [InlineData("qwen2 zero")] // with biases
    [InlineData("llama zero nf4")]
    [InlineData("llama zero int8")]
    public void DoRA_over_rows_of_zeros_has_finite_gradients(string model)
    {
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            using FastLawRow row = new(model, "dora", dtype, begun: true);
            using var byHand = row.ByHand();
            foreach (var (batch, ours, theirs) in FastLaw.Batches(row.Spec, large: false))
            {
                Pass got = row.Run(byHand, ours);
                Assert.All(got.Gradients, g => Assert.All(g.Value, x => Assert.True(float.IsFinite(x), g.Key)));
                if (dtype == ScalarType.Float32) Near(row.Run(row.Plain(), theirs), got, $"{model}, {batch}");
                string key = got.Gradients.Keys.First(k => k.EndsWith("q_proj.lora_magnitude_vector", StringComparison.Ordinal));
                Assert.Equal(0, got.Gradients[key][FastLaw.ZeroRow]);
                if (batch == "rows") Assert.NotEqual(0, got.Gradients[key][FastLaw.ZeroRow + 1]);
            }
        }
    }

    /// <summary>Every buffer's end is a page that kills: nothing is read or written beyond.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void Nothing_beyond_a_buffer_is_touched(string model)
    {
        NativeBlock.Guarded = true;
        try
        {
            foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                using FastLawRow row = new(model, First, dtype);
                foreach (var (_, batch, _) in FastLaw.Batches(row.Spec, large: true))
                {
                    using var byHand = row.ByHand(); // sized for this batch alone
                    Assert.True(double.IsFinite(row.Run(byHand, batch).Loss));
                }
            }
        }
        finally { NativeBlock.Guarded = false; }
    }

    /// <summary>The same for adapters wider than the model.</summary>
    [Theory]
    [InlineData("dora")]
    [InlineData("few targets")]
    public void Nor_with_a_rank_beyond_the_widths(string adapter)
    {
        NativeBlock.Guarded = true;
        try
        {
            foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                using FastLawRow row = new("llama", adapter, dtype, rank: 600);
                using var byHand = row.ByHand();
                foreach (var (_, batch, _) in FastLaw.Batches(row.Spec, large: false)) Assert.True(double.IsFinite(row.Run(byHand, batch).Loss));
            }
        }
        finally { NativeBlock.Guarded = false; }
    }

    private static void Near(Pass expected, Pass got, string what)
    {
        Assert.Equal(expected.Loss, got.Loss, 3e-6 * expected.Loss);
        double whole = expected.Gradients.Values.Max(Largest);
        foreach (var (key, gradient) in expected.Gradients)
        {
            double difference = gradient.Zip(got.Gradients[key], (a, b) => Math.Abs((double)a - b)).Max();
            // Where large terms cancel (queries and keys of two tokens, biases of keys), what is left is the rounding of the terms: it is held to the largest gradient of all.
            double bound = 1e-5 * Largest(gradient) + 5e-6 * whole;
            Assert.True(difference <= bound, $"{what}, {key}: off by {difference}, largest {Largest(gradient)}, largest of all {whole}");
        }
    }

    private static Pass Scaled(Pass pass, float factor) => new(pass.Loss * 1.01, pass.Gradients.ToDictionary(g => g.Key, g => Array.ConvertAll(g.Value, x => x * factor)));

    private static double Largest(float[] values) => values.Max(x => Math.Abs((double)x));

    private static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(x => (double)x * x));
}

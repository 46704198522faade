using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>GGUF files whose blocks stay blocks compute what their expanded weights compute, bit for bit.</summary>
public class GgufKeptTests
{
    private const string Name = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

    /// <summary>Types of block of the embedding and of an output layer of its own (null: the embedding's).</summary>
    public static TheoryData<string, string?> Tables => new() { { "Q8_0", null }, { "Q6_K", null }, { "Q4_K", null }, { "Q4_1", null }, { "Q4_K", "Q6_K" }, { "Q5_0", "Q8_0" }, { "Q2_K", "Q3_K" } };

    [Theory, MemberData(nameof(Tables))]
    public void A_small_llama_of_several_block_types_gives_the_same_logits_and_gradients(string table, string? head)
    {
        string path = GgufLlama.Save(table, head);
        using CausalLM kept = ModelLoader.Load(path, quantize: "keep"), expanded = ModelLoader.Load(path);
        string[] tables = head is null ? ["model.embed_tokens.weight"] : ["model.embed_tokens.weight", "lm_head.weight"];
        Assert.Equal(7 + tables.Length, kept.QuantizedWeights().Count());
        Assert.Equal(((string[])[table, head ?? table, "q4_0", "q5_1", "q8_0"]).Select(k => k.ToLowerInvariant()).Distinct().Order(), kept.QuantizedWeights().Select(w => w.Weight.Kind).Distinct().Order());
        Assert.Equal([table, head ?? table], [kept.Embedding.Quantized!.Kind.ToUpperInvariant(), kept.Head.Quantized!.Kind.ToUpperInvariant()]);
        Assert.Equal(ModelLoader.Describe(path).Bytes, kept.Bytes); // nothing is held but what the file holds
        Assert.All(kept.Weights(), w => Assert.Equal(1, w.Parameter.dim()));
        Assert.Equal(head is null, kept.IsTied);
        Assert.False(expanded.IsQuantized);
        Assert.Equal(expanded.ParameterCount, kept.ParameterCount);
        var wide = expanded.Weights().ToDictionary(w => w.Name, w => w.Parameter);
        using var scope = NewDisposeScope();
        foreach (var (name, blocks) in kept.QuantizedWeights())
        {
            Same(wide[name], blocks.Dequantize(ScalarType.Float32));
            var part = blocks.Dequantize(ScalarType.Float32);
            Assert.Equal(part[3..5].reshape(-1).data<float>().ToArray(), Rows(blocks, 3, 5));
        }
        var ids = tensor(new long[] { 1, 5, 144, 2, 0, 7, 3, 3 }, [2, 4]);
        using (no_grad())
        {
            Same(expanded.Embedding.call(ids), kept.Embedding.call(ids));
            Same(expanded.call(ids), kept.call(ids));
        }
        Same(Gradient(expanded), Gradient(kept));
        Same(HeadGradient(expanded), HeadGradient(kept));
    }

    [Theory, MemberData(nameof(Tables))]
    public void In_bfloat16_tables_in_blocks_give_what_rounding_them_whole_gives(string table, string? head)
    {
        string path = GgufLlama.Save(table, head);
        using CausalLM kept = ModelLoader.Load(path, ScalarType.BFloat16, quantize: "keep"), expanded = ModelLoader.Load(path, ScalarType.BFloat16);
        Assert.Equal(ModelLoader.Describe(path).Bytes, kept.Bytes);
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = tensor(new long[] { 1, 5, 144, 2 }, [1, 4]);
        Same(expanded.Embedding.call(ids).to(ScalarType.Float32), kept.Embedding.call(ids).to(ScalarType.Float32));
        Same(expanded.call(ids).to(ScalarType.Float32), kept.call(ids).to(ScalarType.Float32));
    }

    [Fact]
    public void A_token_beyond_a_table_in_blocks_is_refused_not_read()
    {
        using var model = ModelLoader.Load(GgufLlama.Save(), quantize: "keep");
        using var scope = NewDisposeScope();
        foreach (long id in (long[])[-1, GgufLlama.Vocabulary])
            Assert.Contains($"{id}", Assert.Throws<BadInputException>(() => model.call(tensor(new[] { 1, id }, [1, 2]))).Message);
    }

    [Fact]
    public void Quantising_the_projections_anew_leaves_the_tables_in_the_file_s_blocks()
    {
        string path = GgufLlama.Save("Q4_K", "Q6_K");
        using var model = ModelLoader.Load(path, quantize: "nf4");
        Assert.Equal(["q4_k", "q6_k"], model.QuantizedWeights().Select(w => w.Weight.Kind).Where(k => k != "nf4"));
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = tensor(new long[] { 1, 5, 144, 2 }, [1, 4]);
        var expected = model.call(ids);
        foreach (bool quantized in (bool[])[true, false])
        {
            string folder = Path.Combine(Paths.Temporary(), "written");
            ModelWriter.Save(model, folder, quantized: quantized); // the folder's tables are plain, as Transformers reads them
            using var again = ModelLoader.Load(folder);
            Assert.Equal(quantized ? 7 : 0, again.QuantizedWeights().Count());
            Same(expected, again.call(ids));
        }
    }

    [Fact]
    public void SmolLM2_is_kept_in_its_blocks()
    {
        string path = Paths.Shared(Name);
        using CausalLM kept = ModelLoader.Load(path, quantize: "keep"), expanded = ModelLoader.Load(path);
        Assert.Equal(211, kept.QuantizedWeights().Count());
        Assert.Equal(new FileInfo(path).Length, kept.Bytes, 3_000_000.0); // all but the vocabulary's texts
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = tensor(new long[] { 504, 2365, 314, 253, 1123, 282, 260, 905 }, [1, 8]);
        Same(expanded.call(ids), kept.call(ids));
    }

    [Fact]
    public void Graphs_keep_no_expanded_weight()
    {
        using var model = ModelLoader.Load(GgufLlama.Save(), quantize: "keep");
        using var scope = NewDisposeScope();
        var projection = (Projection)model.named_modules().First(m => m.name.EndsWith("gate_proj", StringComparison.Ordinal)).module;
        var x = randn(2, 256).requires_grad_(true);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var y = projection.call(x);
        Assert.Equal(1, DisposeScopeManager.Statistics.ThreadTotalLiveCount - before); // the result
        y.sum().backward();
        using var weight = projection.Weight;
        Assert.InRange(x.grad!.sub(ones(2, 96).mm(weight)).abs().max().item<float>(), 0, 1e-5);
    }

    [Fact]
    public void A_failing_backward_pass_is_told_by_the_next_forward_pass()
    {
        using var model = ModelLoader.Load(GgufLlama.Save(), quantize: "keep");
        using var scope = NewDisposeScope();
        var projection = (Projection)model.named_modules().First(m => m.name.EndsWith("down_proj", StringComparison.Ordinal)).module;
        var x = randn(2, 96).requires_grad_(true);
        var y = projection.call(x).sum();
        projection.Quantized!.Dispose();
        y.backward();
        Assert.Contains("backward pass through a quantised layer", Assert.Throws<InvalidOperationException>(() => projection.call(x)).Message);
    }

    // d(sum of squares of block 0's output)/d(its input).
    private static Tensor Gradient(CausalLM model)
    {
        var ids = tensor(new long[] { 1, 5, 9, 2 }, [1, 4]);
        var input = model.Prepare(ids);
        Tensor hidden;
        using (no_grad()) hidden = model.Embed(input);
        hidden = hidden.detach().requires_grad_(true);
        var output = model.Block(0, hidden, input);
        output.mul(output).sum().backward();
        return hidden.grad!;
    }

    // d(sum of squares of the logits)/d(the states behind the norm).
    private static Tensor HeadGradient(CausalLM model)
    {
        Tensor hidden;
        using (no_grad()) hidden = model.Hidden(tensor(new long[] { 1, 5, 9, 2, 0, 7, 3, 3 }, [2, 4]));
        hidden = hidden.detach().requires_grad_(true);
        var logits = model.Logits(hidden);
        logits.mul(logits).sum().backward();
        return hidden.grad!;
    }

    private static void Same(Tensor a, Tensor b) => Assert.Equal(a.reshape(-1).data<float>().ToArray(), b.reshape(-1).data<float>().ToArray());

    private static unsafe float[] Rows(QuantizedWeight blocks, long from, long to)
    {
        var result = new float[(to - from) * blocks.Columns];
        fixed (float* at = result) blocks.Expand(from, to, at);
        return result;
    }
}

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

    [Fact]
    public void A_small_llama_of_several_block_types_gives_the_same_logits_and_gradients()
    {
        string path = Small();
        using CausalLM kept = ModelLoader.Load(path, quantize: "keep"), expanded = ModelLoader.Load(path);
        Assert.Equal(7, kept.QuantizedWeights().Count());
        Assert.Equal(["q4_0", "q5_1", "q8_0"], kept.QuantizedWeights().Select(w => w.Weight.Kind).Distinct().Order());
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
        var ids = tensor(new long[] { 1, 5, 9, 2, 0, 7, 3, 3 }, [2, 4]);
        using (no_grad()) Same(expanded.call(ids), kept.call(ids));
        Same(Gradient(expanded), Gradient(kept));
    }

    [Fact]
    public void An_embedding_in_blocks_is_held_once_in_the_dtype_computed_in()
    {
        using var model = ModelLoader.Load(Small(), ScalarType.BFloat16, quantize: "keep");
        using var scope = NewDisposeScope();
        Assert.Equal(ScalarType.BFloat16, model.Weights().Single(w => w.Name == "model.embed_tokens.weight").Parameter.dtype);
        using CausalLM expanded = ModelLoader.Load(Small(), ScalarType.BFloat16);
        var ids = tensor(new long[] { 1, 5, 9, 2 }, [1, 4]);
        using (no_grad()) Same(expanded.call(ids).to(ScalarType.Float32), model.call(ids).to(ScalarType.Float32));
    }

    [Fact]
    public void SmolLM2_is_kept_in_its_blocks()
    {
        string path = Paths.Shared(Name);
        using CausalLM kept = ModelLoader.Load(path, quantize: "keep"), expanded = ModelLoader.Load(path);
        Assert.Equal(210, kept.QuantizedWeights().Count());
        Assert.InRange(kept.QuantizedWeights().Sum(w => w.Weight.Bytes), 1, 67_000_000); // 106 million numbers of 5 bits
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var ids = tensor(new long[] { 504, 2365, 314, 253, 1123, 282, 260, 905 }, [1, 8]);
        Same(expanded.call(ids), kept.call(ids));
    }

    [Fact]
    public void Graphs_keep_no_expanded_weight()
    {
        using var model = ModelLoader.Load(Small(), quantize: "keep");
        using var scope = NewDisposeScope();
        var projection = (Projection)model.named_modules().First(m => m.name.EndsWith("gate_proj", StringComparison.Ordinal)).module;
        var x = randn(2, 64).requires_grad_(true);
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
        using var model = ModelLoader.Load(Small(), quantize: "keep");
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

    private static void Same(Tensor a, Tensor b) => Assert.Equal(a.reshape(-1).data<float>().ToArray(), b.reshape(-1).data<float>().ToArray());

    private static unsafe float[] Rows(QuantizedWeight blocks, long from, long to)
    {
        var result = new float[(to - from) * blocks.Columns];
        fixed (float* at = result) blocks.Expand(from, to, at);
        return result;
    }

    /// <summary>A llama of one block: hidden size 64, 4 heads of 16, 2 key/value heads, tied; every matrix in blocks.</summary>
    private static string Small()
    {
        var builder = new GgufBuilder().Set("general.architecture", "llama");
        foreach (var (key, value) in new (string, object)[]
        {
            ("block_count", 1u), ("context_length", 64u), ("embedding_length", 64u), ("feed_forward_length", 96u), ("attention.head_count", 4u), ("attention.head_count_kv", 2u),
            ("attention.layer_norm_rms_epsilon", 1e-5f), ("rope.freq_base", 10000f),
        })
            builder.Set($"llama.{key}", value);
        var random = new Random(7);
        float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)(random.NextDouble() - 0.5))];
        void Matrix(string name, int type, long rows, long columns)
        {
            using var scope = NewDisposeScope();
            using var blocks = GgufWeight.Quantize(GgufType.Of(type)!, tensor(Values(rows * columns), [rows, columns]));
            unsafe { builder.Raw(name, blocks.Type.Id, [rows, columns], new ReadOnlySpan<byte>(blocks.Blocks, (int)blocks.Bytes).ToArray()); }
        }
        Matrix("token_embd.weight", 8, 10, 64);
        foreach (string norm in (string[])["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"]) builder.Tensor(norm + ".weight", [64], Values(64));
        Matrix("blk.0.attn_q.weight", 2, 64, 64);
        Matrix("blk.0.attn_k.weight", 7, 32, 64);
        Matrix("blk.0.attn_v.weight", 7, 32, 64);
        Matrix("blk.0.attn_output.weight", 8, 64, 64);
        Matrix("blk.0.ffn_gate.weight", 2, 96, 64);
        Matrix("blk.0.ffn_up.weight", 2, 96, 64);
        Matrix("blk.0.ffn_down.weight", 8, 64, 96);
        return builder.Save();
    }
}

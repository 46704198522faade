using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Products with matrices in blocks: what their graph holds, and that they are the products with the matrices expanded.</summary>
public class QuantizedProductTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_graph_over_matrices_in_blocks_holds_none_expanded_and_they_share_their_memory(ScalarType dtype)
    {
        if (Processor.AnonymousMemory is null) Assert.Skip("the system does not tell how much memory a process holds (/proc/self/status)");
        const int columns = 2048, layers = 8;
        using var scope = NewDisposeScope();
        // Each is larger than the last, so that a heap's holes are too small for it.
        QuantizedWeight[] weights = [.. Enumerable.Range(0, layers).Select(i => QuantizedKinds.Quantize("nf4", randn(2048 + 128 * i, columns)))];
        Tensor x = randn(4, columns).to(dtype).requires_grad_(true);
        using (no_grad()) Of(x, weights[0]); // code that is compiled, libtorch's own scratch
        Processor.GiveBackMemory();
        long before = Processor.AnonymousMemory.Value, largest = weights[^1].Rows * columns * x.ElementSize;
        List<Tensor> graph = [.. weights.Select(w => Of(x, w))];
        long held = Processor.AnonymousMemory.Value - before;
        Assert.True(held < largest + 8_000_000, $"{held:n0} bytes more are held after {layers} products, the largest matrix has {largest:n0}");

        var sum = graph.Select(y => y.to(ScalarType.Float32).Squared().sum()).Aggregate((a, b) => a.Plus(b));
        sum.backward();
        held = Processor.AnonymousMemory.Value - before;
        Assert.True(held < largest + 12_000_000, $"{held:n0} bytes more are held after the backward pass");
        foreach (var weight in weights) weight.Dispose();
    }

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, false)]
    [InlineData(ScalarType.Float32, true)]
    public void Values_and_gradients_are_those_of_the_expanded_matrices(ScalarType dtype, bool transposed)
    {
        using var scope = NewDisposeScope();
        using QuantizedWeight first = QuantizedKinds.Quantize("nf4", randn(192, 192).mul(Scalars.Of(3.0))), second = QuantizedKinds.Quantize("int8", randn(192, 192));
        var fault = new QuantizedProduct.Fault();
        Tensor x = randn(3, 5, 192).to(dtype), mine = x.clone().requires_grad_(true), theirs = x.clone().requires_grad_(true), bias = randn(192).to(dtype);
        // The second product expands into what the first was multiplied with; the backward pass comes back to the first.
        Tensor y = QuantizedProduct.Of(QuantizedProduct.Of(mine, first, transposed, bias, fault).tanh(), second, transposed, null, fault);
        Tensor Plain(QuantizedWeight w) => transposed ? w.Dequantize(dtype).t() : w.Dequantize(dtype);
        Tensor z = nn.functional.linear(nn.functional.linear(theirs, Plain(first), bias).tanh(), Plain(second));
        Same(z, y);
        var gradient = randn(3, 5, 192).to(dtype);
        y.backward([gradient]);
        z.backward([gradient]);
        Same(theirs.grad!, mine.grad!);
        using (no_grad()) Same(z, QuantizedProduct.Of(QuantizedProduct.Of(x, first, transposed, bias, fault).tanh(), second, transposed, null, fault));
    }

    private static Tensor Of(Tensor x, QuantizedWeight weight) => QuantizedProduct.Of(x, weight, transposed: false, null, new());

    private static void Same(Tensor a, Tensor b) => Assert.Equal(a.detach().to(ScalarType.Float32).reshape(-1).data<float>().ToArray(), b.detach().to(ScalarType.Float32).reshape(-1).data<float>().ToArray());
}

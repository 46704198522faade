using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>DoRA where a row of the base is all zeros and so has no direction.</summary>
public class ZeroRowTests
{
    private const int Row = 2;

    public static TheoryData<string> Kinds => [.. LawMatrix.Kinds.Keys];

    [Theory, MemberData(nameof(Kinds))]
    public void It_stays_zero_and_every_number_is_finite(string kind)
    {
        using var scope = NewDisposeScope();
        using var s = new Specimen("dora", kind, ScalarType.Float32, randomise: false);
        var layer = LayerKinds.Of("block.target", s.Model.named_modules().First(m => m.name == "block.target").module)!;
        s.Host.Delete("one");
        using (no_grad()) Zero(layer).zero_();
        var plain = s.Run().detach();
        var adapter = s.Host.Add("one", s.Config, 1);
        Assert.Equal(0, adapter.Parameters.Single(p => p.Role == ParameterRole.Magnitude).Parameter.detach().flatten()[Row].item<float>());
        Assert.InRange(s.Run().sub(plain).abs().max().item<float>(), 0, 2e-5f);

        // Some steps by gradient descent: the row's factors get no gradient, all others do.
        for (int step = 0; step < 3; step++)
        {
            foreach (var p in adapter.Parameters) p.Parameter.grad = null;
            var output = s.Run();
            output.mul(linspace(-1, 1, output.NumberOfElements).reshape(output.shape)).sum().backward();
            Assert.All(adapter.Parameters, p => Assert.True(p.Parameter.grad!.isfinite().all().item<bool>(), p.Key));
            using (no_grad())
                foreach (var p in adapter.Parameters) p.Parameter.PlusInPlace(p.Parameter.grad!.mul(Scalars.Of(-0.01)));
        }
        Assert.True(s.Run().sub(plain).abs().max().item<float>() > 1e-3f);

        var attached = s.Run().detach();
        string before = s.Hash();
        if (LawMatrix.CanMerge("dora", kind))
        {
            s.Host.Merge();
            Assert.InRange(s.Run().sub(attached).abs().max().item<float>(), 0, 5e-5f);
            if (!layer.IsEmbedding) Assert.Equal(0, Zero(layer).abs().max().item<float>()); // an embedding's B starts random: there the column gets a direction
            s.Host.Unmerge();
            Assert.Equal(before, s.Hash());
        }
        string folder = Path.Combine(Paths.Temporary(), "a");
        adapter.Save(folder);
        s.Host.Load("again", folder);
        s.Host.Activate(("again", 1));
        Assert.Equal(0, s.Run().sub(attached).abs().max().item<float>());
    }

    // What one number of the magnitude scales: a column of an embedding or a transposed weight, else a row.
    private static Tensor Zero(BaseLayer layer) => layer.Weight.select(layer.IsEmbedding || layer.Transposed ? 1 : 0, Row);
}

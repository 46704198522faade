using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>Trained norms of real families: with the weight's offset of 1, with a bias, on heads; attached, merged, written and read again.</summary>
public class NormMergeTests
{
    public static TheoryData<string, string, ScalarType> Cases
        => new MatrixTheoryData<string, string, ScalarType>(["llama norm", "gemma3 norm", "gpt2 ln_2", "qwen3 norm", "olmo2 norm"], ["float32", "bfloat16"], [ScalarType.Float32, ScalarType.BFloat16]);

    [Theory, MemberData(nameof(Cases))]
    public void Merged_is_attached_and_unmerging_restores_the_bits(string what, string stored, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var (family, norm) = (what.Split(' ')[0], what.Split(' ')[1]);
        using var model = ModelLoader.Load(Base(family, stored), dtype);
        var host = AdapterHost.Attach(model, model.Spec.ModelType);
        var ids = tensor(new long[] { 3, 50, 7, 9, 65, 11, 30, 31 }, [2, 4]);
        var bare = model.call(ids);
        var adapter = host.Add("a", new LoraConfig { Rank = 2, TargetModules = Selector.AllLinear, ModulesToSave = [norm] }, 1);
        Assert.Equal(0, Distance(bare, model.call(ids)));
        random.manual_seed(3);
        foreach (var p in adapter.Parameters.Where(p => p.Role == ParameterRole.Saved)) p.Parameter.PlusInPlace(randn_like(p.Parameter).mul(Scalars.Of(0.2)));
        var attached = model.call(ids);
        double unit = dtype == ScalarType.Float32 ? 1e-5 : 0.05, size = Math.Max(1, attached.to(ScalarType.Float32).abs().max().item<float>());
        Assert.True(Distance(bare, attached) > 10 * unit);

        var before = model.Weights().Select(w => w.Parameter.bytes.ToArray()).ToList();
        var report = host.Merge();
        Assert.Equal(model.Weights().Count(w => w.Parameter.dim() == 1 && w.Name.Contains(norm, StringComparison.Ordinal)), report.Parameters - adapter.Modules.Count);
        Assert.InRange(Distance(attached, model.call(ids)), 0, unit * size);
        string folder = Path.Combine(Paths.Temporary(), "merged");
        ModelWriter.Save(model, folder, ScalarType.Float32);
        using (var again = ModelLoader.Load(folder, dtype)) Assert.InRange(Distance(attached, again.call(ids)), 0, unit * size);
        host.Unmerge();
        Assert.Equal(before, model.Weights().Select(w => w.Parameter.bytes.ToArray()));
        Assert.Equal(0, Distance(attached, model.call(ids)));

        string saved = Path.Combine(Paths.Temporary(), "adapter");
        adapter.Save(saved);
        host.Load("b", saved);
        host.Activate(("b", 1));
        Assert.Equal(0, Distance(attached, model.call(ids)));
        host.Detach();
    }

    private static string Base(string family, string stored)
    {
        string golden = Paths.Golden("models/" + family);
        return stored == "float32" ? golden : ModelCopy.Each(golden, t => t.to(ScalarType.BFloat16));
    }

    private static double Distance(Tensor a, Tensor b) => a.to(ScalarType.Float32).sub(b.to(ScalarType.Float32)).abs().max().item<float>();
}

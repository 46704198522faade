using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>The laws that every method keeps on every kind of layer in every dtype.</summary>
public class LawTests
{
    public static TheoryData<string, string, ScalarType> Rows => [.. LawMatrix.Rows];

    // In the others two layers take part; their own sums are tested with all rows, and in TiedTests.
    public static TheoryData<string, string, ScalarType> RowsOfOneLayer
        => [.. LawMatrix.Rows.Where(r => r.Method is not ("saved-head" or "tokens"))];

    [Theory, MemberData(nameof(Rows))]
    public void A_new_adapter_changes_nothing(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype, randomise: false);
        Near(s.BaseOutput, s.Run(), dtype);
    }

    [Theory, MemberData(nameof(Rows))]
    public void Disabled_inactive_and_strength_zero_are_the_base_bit_for_bit(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        Assert.True(Distance(s.BaseOutput, s.Run()) > 1e-3);
        using (s.Host.Disabled()) Same(s.BaseOutput, s.Run());
        s.Host.Activate(("one", 0));
        Same(s.BaseOutput, s.Run());
        s.Host.Activate();
        Same(s.BaseOutput, s.Run());
    }

    [Theory, MemberData(nameof(Rows))]
    public void Gradients_reach_the_adapter_only(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        s.Adapter.SetTraining(true);
        string before = s.Hash();
        var output = s.Run();
        output.mul(randn_like(output)).sum().backward();
        Assert.All(s.Model.parameters(), p => Assert.True(p.grad is null && !p.requires_grad));
        Assert.All(s.Adapter.Parameters, p => Assert.True(p.Parameter.grad is not null && p.Parameter.grad.count_nonzero().item<long>() > 0, p.Key));
        Assert.All(s.Adapter.Parameters, p => Assert.True(p.Parameter.dtype == ScalarType.Float32 || dtype == ScalarType.Float64));
        Assert.Equal(before, s.Hash());
    }

    [Theory, MemberData(nameof(Rows))]
    public void Merged_equals_attached_and_unmerging_restores_the_bits(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        s.Add("two", 2);
        s.Host.Activate(("one", 0.7), ("two", -0.4));
        string before = s.Hash();
        var attached = s.Run().detach();
        if (!LawMatrix.CanMerge(method, kind))
        {
            Assert.Contains("block.target", Assert.Throws<BadInputException>(() => s.Host.Merge()).Message);
            Assert.Equal(before, s.Hash());
            return;
        }
        var report = s.Host.Merge();
        Near(attached, s.Run(), dtype);
        Assert.NotEqual(before, s.Hash());
        Assert.InRange(report.RelativeRms, dtype == ScalarType.Float64 ? 0 : 1e-10, dtype switch { ScalarType.Float64 => 0, ScalarType.BFloat16 => 4e-3, _ => 6e-8 }); // half a unit in the last place
        Assert.Throws<BadInputException>(() => s.Host.Merge());
        Assert.Throws<BadInputException>(() => s.Host.Delete("one"));
        Assert.Throws<BadInputException>(() => s.Host.Activate());
        Assert.Throws<BadInputException>(() => s.Host.Add("three", s.Config, 3));
        s.Host.Unmerge();
        Assert.Equal(before, s.Hash());
        Same(attached, s.Run().detach());
    }

    [Theory, MemberData(nameof(Rows))]
    public void Saving_and_loading_keeps_every_bit(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        string folder = Path.Combine(Paths.Temporary(), "adapter");
        s.Adapter.Save(folder);
        var loaded = s.Host.Load("two", folder);
        Assert.Equal(s.Adapter.Parameters.Select(p => p.Key), loaded.Parameters.Select(p => p.Key));
        foreach (var (a, b) in s.Adapter.Parameters.Zip(loaded.Parameters)) Same(a.Parameter.detach(), b.Parameter.detach());
        var output = s.Run().detach();
        s.Host.Activate(("two", 1));
        Same(output, s.Run().detach());
        string again = Path.Combine(Paths.Temporary(), "adapter");
        loaded.Save(again);
        foreach (string file in new[] { "adapter_config.json", "adapter_model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, file)), File.ReadAllBytes(Path.Combine(again, file)));
    }

    [Theory, MemberData(nameof(Rows))]
    public void Detaching_leaves_nothing_behind(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        var names = s.Model.named_modules().Select(m => m.name).ToList();
        string before = s.Hash();
        s.Run();
        if (LawMatrix.CanMerge(method, kind)) s.Host.Merge();
        s.Host.Detach();
        Assert.Equal(before, s.Hash());
        Same(s.BaseOutput, s.Run().detach());
        Assert.Equal(names, s.Model.named_modules().Select(m => m.name));
        Assert.All(s.Model.parameters(), p => Assert.True(p.requires_grad));
        AdapterHost.Attach(s.Model).Detach(); // free for another
    }

    [Theory, MemberData(nameof(Rows))]
    public void Mixed_rows_equal_single_runs(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        s.Add("two", 2);
        s.Host.Activate(("one", 1));
        var one = s.Run().detach();
        s.Host.Activate(("two", 0.5));
        var two = s.Run().detach();
        using (s.Host.Rows(["two", null, "one"], new Dictionary<string, double> { ["two"] = 0.5 }))
        {
            var mixed = s.Run().detach();
            Near(two[0], mixed[0], dtype);
            Near(s.BaseOutput[1], mixed[1], dtype);
            Near(one[2], mixed[2], dtype);
        }
        using (s.Host.Rows([null, null, null])) Same(s.BaseOutput, s.Run().detach());
        Same(two, s.Run().detach());
    }

    [Theory, MemberData(nameof(Rows))]
    public void A_wrong_shape_is_refused_by_name(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        string folder = Path.Combine(Paths.Temporary(), "adapter");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), s.Adapter.Config.ToJsonText());
        var bad = s.Adapter.Parameters.Last(p => p.Role is ParameterRole.B or ParameterRole.EmbeddingB);
        SafetensorsWriter.Write(Path.Combine(folder, "adapter_model.safetensors"),
            [.. s.Adapter.Parameters.Select(p => (p.Key, p == bad ? zeros(3, 1, 7) : p.Parameter))], new Dictionary<string, string> { ["format"] = "pt" });
        string message = Assert.Throws<BadInputException>(() => s.Host.Load("two", folder)).Message;
        Assert.True(message.Contains(bad.Key + " [3, 1, 7]", StringComparison.Ordinal), message);
        Assert.Contains("expected [" + string.Join(", ", bad.Parameter.shape) + "]", message);
        Assert.Single(s.Host.Adapters);
    }

    [Theory, MemberData(nameof(Rows))]
    public void The_same_seed_gives_the_same_bits(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype, randomise: false);
        random.manual_seed(99);
        rand(7);
        var again = s.Add("two", 1, randomise: false);
        foreach (var (a, b) in s.Adapter.Parameters.Zip(again.Parameters)) Same(a.Parameter.detach(), b.Parameter.detach());
        var other = s.Add("three", 2, randomise: false);
        Assert.Contains(s.Adapter.Parameters.Zip(other.Parameters), p => Distance(p.First.Parameter, p.Second.Parameter) > 0);
    }

    // A single adapted layer: what comes out of it is linear in the strength, and adapters add.
    [Theory, MemberData(nameof(RowsOfOneLayer))]
    public void Strength_is_linear_and_adapters_add(string method, string kind, ScalarType dtype)
    {
        using var s = new Specimen(method, kind, dtype);
        s.Add("two", 2);
        var target = (nn.Module<Tensor, Tensor>)s.Model.named_modules().First(m => m.name == "block.target").module;
        Tensor At(params (string, double)[] active) { s.Host.Activate(active); return target.call(s.Input).detach().to_type(ScalarType.Float64); }
        Tensor none = At(), one = At(("one", 1)), two = At(("two", 1));
        Near(none.Plus((one - none).mul(Scalars.Of(0.25))), At(("one", 0.25)), dtype);
        Near(none - (one - none).mul(Scalars.Of(1.5)), At(("one", -1.5)), dtype);
        Near(one.Plus(two) - none, At(("one", 1), ("two", 1)), dtype);
    }

    private static double Distance(Tensor a, Tensor b) => a.to_type(ScalarType.Float64).sub(b.to_type(ScalarType.Float64)).abs().max().item<double>();

    private static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.contiguous().bytes.ToArray(), actual.contiguous().bytes.ToArray());
    }

    private static void Near(Tensor expected, Tensor actual, ScalarType dtype)
    {
        double size = Math.Max(1, expected.to_type(ScalarType.Float64).abs().max().item<double>());
        Assert.InRange(Distance(expected, actual), 0, size * dtype switch { ScalarType.BFloat16 => 6e-2, ScalarType.Float64 => 1e-9, _ => 2e-5 });
    }
}

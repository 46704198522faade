using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>Outputs, merged weights, losses and gradients of plain layers equal PEFT's.</summary>
public class LayerGoldenTests
{
    public static TheoryData<string> Cases => [.. LayerNets.All];

    [Theory, MemberData(nameof(Cases))]
    public void Attached_merged_and_gradients_equal_PEFT(string name)
    {
        using var scope = NewDisposeScope();
        using var net = LayerNets.Build(name);
        using var expected = SafetensorsFile.Open(Path.Combine(LayerNets.Folder(name), "expected.safetensors"));
        var host = AdapterHost.Attach(net);
        var adapter = host.Load("golden", LayerNets.Folder(name));
        var x = expected.Get("input");
        if (x.dtype == ScalarType.Float32) x = x.to_type(net.parameters().First().dtype);

        using (host.Disabled()) Near(expected.Get("base_output"), net.call(x), 1e-4);
        var output = net.call(x);
        Near(expected.Get("output"), output, 1e-4);

        var loss = output.flatten().mul(linspace(-1, 1, output.NumberOfElements, output.dtype)).sum();
        Near(expected.Get("loss"), loss.reshape(1), 1e-3 * Math.Max(1, expected.Get("loss").abs().item<float>()));
        loss.backward();
        foreach (var parameter in adapter.Parameters)
        {
            var gradient = expected.Get("grad." + GradientKey(parameter.Key));
            Near(gradient, parameter.Parameter.grad!, 1e-3 * Math.Max(1e-3, gradient.abs().max().item<float>()));
        }
        Assert.All(net.parameters(), p => Assert.True(p.grad is null));

        if (!(bool)LayerNets.Case(name)["mergeable"]!)
        {
            Assert.Contains("cannot be merged", Assert.Throws<BadInputException>(() => host.Merge()).Message);
            return;
        }
        var report = host.Merge();
        Assert.InRange(report.RelativeRms, 0, 6e-8); // float32 rounds, the float64 of some of these does not
        Near(expected.Get("merged_output"), net.call(x), 1e-4);
        var weights = net.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        var merged = expected.Names.Where(n => n.StartsWith("merged.", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(merged);
        foreach (string key in merged) Near(expected.Get(key), weights[key["merged.".Length..]], 1e-5);
        host.Detach();
    }

    // The gradient's name has the adapter's name in it.
    private static string GradientKey(string key)
        => key.EndsWith(".weight", StringComparison.Ordinal) ? key[..^7] + ".default.weight"
            : key.EndsWith(".bias", StringComparison.Ordinal) ? key[..^5] + ".default.bias"
            : key.EndsWith("lora_magnitude_vector", StringComparison.Ordinal) ? key + ".default.weight" : key + ".default";

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange(expected.sub(actual).abs().max().to_type(ScalarType.Float32).item<float>(), 0, tolerance);
    }
}

using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

public class SmokeTests
{
    [Fact]
    public void Thin()
    {
        using var scope = NewDisposeScope();
        var net = nn.Sequential(("lin0", nn.Linear(8, 6)), ("relu", nn.ReLU()), ("lin1", nn.Linear(6, 4)));
        var host = AdapterHost.Attach(net);
        var x = randn(3, 8);
        var y = net.call(x);
        var a = host.Add("a", new LoraConfig { Rank = 2, Alpha = 6, TargetModules = Selector.AllLinear, Initialisation = LoraInitialisation.None }, 1);
        var z = net.call(x);
        Assert.NotEqual(0f, (y - z).abs().max().item<float>());
        string folder = Path.Combine(Paths.Temporary(), "a");
        a.Save(folder);
        host.Load("b", folder);
        host.Activate(("b", 1));
        Assert.Equal(0f, (net.call(x) - z).abs().max().item<float>());
        host.Activate();
        Assert.Equal(0f, (net.call(x) - y).abs().max().item<float>());
        Assert.Equal(["base_model.model.lin0.lora_A.weight", "base_model.model.lin0.lora_B.weight", "base_model.model.lin1.lora_A.weight", "base_model.model.lin1.lora_B.weight"], a.Parameters.Select(p => p.Key));
        host.Detach();
    }
}

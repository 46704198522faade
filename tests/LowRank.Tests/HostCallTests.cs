using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>Calls of the host that cannot mean what was wanted are refused at the call, and the scopes that change what acts agree with each other.</summary>
public class HostCallTests
{
    private readonly nn.Module<Tensor, Tensor> _net = Net(5);
    private readonly Tensor _x = Input();

    private static nn.Module<Tensor, Tensor> Net(long seed)
    {
        random.manual_seed(seed);
        return nn.Sequential(("one", nn.Linear(6, 5)), ("two", nn.Linear(5, 4)));
    }

    private static Tensor Input()
    {
        random.manual_seed(6);
        return randn(3, 6);
    }

    private static LoraConfig Config => new() { Rank = 2, Alpha = 6, Initialisation = LoraInitialisation.None, TargetModules = Selector.AllLinear };

    private float[] Run() => _net.call(_x).detach().data<float>().ToArray();

    [Fact]
    public void Disabled_is_the_base_inside_a_mixed_batch_as_outside_of_one()
    {
        float[] plain = Run();
        var host = AdapterHost.Attach(_net);
        host.Add("a", Config, 1);
        host.Add("b", Config, 2);
        using (host.Rows(["a", null, "b"]))
        {
            float[] mixed = Run();
            Assert.NotEqual(plain, mixed);
            using (host.Disabled()) Assert.Equal(plain, Run());
            Assert.Equal(mixed, Run());
        }
        using (host.Disabled())
        using (host.Rows(["a", "a", "b"])) Assert.Equal(plain, Run());
        host.Detach();
    }

    [Fact]
    public void A_mixed_batch_refuses_strengths_that_are_no_numbers_or_nobodys()
    {
        var host = AdapterHost.Attach(_net);
        host.Add("a", Config, 1);
        foreach (double strength in (double[])[double.NaN, double.PositiveInfinity, double.NegativeInfinity])
            Assert.Contains("a=", Assert.Throws<BadInputException>(() => host.Rows(["a", "a", null], new Dictionary<string, double> { ["a"] = strength })).Value);
        Assert.Equal("b", Assert.Throws<BadInputException>(() => host.Rows(["a", "a", "a"], new Dictionary<string, double> { ["b"] = 1 })).Value);
        Assert.True(host.IsActing); // nothing was left in force
        host.Detach();
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData(@"a\b")]
    public void Load_refuses_the_names_that_Add_refuses(string name)
    {
        var host = AdapterHost.Attach(_net);
        string folder = Path.Combine(Paths.Temporary(), "adapter");
        host.Add("first", Config, 1).Save(folder);
        Assert.Contains("name", Assert.Throws<BadInputException>(() => host.Add(name, Config, 1)).Problem);
        Assert.Contains("name", Assert.Throws<BadInputException>(() => host.Load(name, folder)).Problem);
        Assert.Single(host.Adapters);
        host.Detach();
    }

    [Fact]
    public void While_it_is_held_nothing_that_changes_an_answer_is_done()
    {
        var host = AdapterHost.Attach(_net);
        host.Add("a", Config, 1);
        host.Add("b", Config, 2);
        float[] before = Run();
        using (var hold = host.Hold("a measurement"))
        {
            foreach (Action change in (Action[])[() => host.Activate(("b", 1)), () => host.Activate(), () => host.Disabled(), () => host.Merge(), () => host.Delete("b"), () => host.Rows(["b", "b", "b"]), host.Detach])
                Assert.Contains("during a measurement", Assert.Throws<InvalidOperationException>(change).Message);
            host.Add("c", Config, 3); // does not act
            Assert.Equal(before, Run());
            using (hold.Rows(["b", "b", "b"])) Assert.NotEqual(before, Run());
        }
        host.Activate(("b", 1));
        Assert.NotEqual(before, Run());
        using (host.Rows(["a", "a", "a"])) Assert.Throws<InvalidOperationException>(() => host.Hold("another"));
        host.Detach();
    }

    [Fact]
    public void The_digest_follows_the_content_not_the_name()
    {
        var host = AdapterHost.Attach(_net);
        string folder = Path.Combine(Paths.Temporary(), "adapter");
        var first = host.Add("a", Config, 1);
        string digest = first.Digest();
        first.Save(folder);
        Assert.Equal(digest, host.Load("again", folder).Digest());
        Assert.NotEqual(digest, host.Add("other", Config, 2).Digest());
        Assert.NotEqual(digest, host.Add("scaled", Config with { Alpha = 7 }, 1).Digest());
        using (no_grad()) first.Parameters[0].Parameter.mul_(Scalars.Two);
        Assert.NotEqual(digest, first.Digest());
        host.Detach();
    }

    [Fact]
    public void What_was_detached_or_disposed_says_so()
    {
        var host = AdapterHost.Attach(_net);
        var adapter = host.Add("a", Config, 1);
        host.Detach();
        string folder = Path.Combine(Paths.Temporary(), "adapter");
        foreach (Action use in (Action[])[() => adapter.Save(folder), () => adapter.Digest(), () => host.Activate(("a", 1)), () => host.Rows(["a"]), () => host.Add("b", Config, 1), () => host.Load("b", folder), () => host.Merge(), () => host.Hold("x")])
            Assert.Throws<ObjectDisposedException>(use);
        Assert.False(Directory.Exists(folder));
        Assert.False(adapter.IsActing);

        var net = Net(9);
        var owner = AdapterHost.Attach(net);
        net.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Add("b", Config, 1));
    }

    [Fact]
    public void Differences_of_configurations_are_told_key_by_key()
    {
        var host = AdapterHost.Attach(_net);
        var adapter = host.Add("a", Config with { BaseModel = "here" }, 1);
        Assert.Empty(adapter.DifferencesFrom(Config with { BaseModel = "there" }));
        Assert.Empty(adapter.DifferencesFrom(adapter.Config));
        Assert.Equal([("lora_alpha", "6", "7.5"), ("r", "2", "4"), ("target_modules", "\"all-linear\"", "[\"one\"]")],
            adapter.DifferencesFrom(Config with { Rank = 4, Alpha = 7.5, TargetModules = Selector.Of("one") }));
        host.Detach();
    }
}

using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Inference.Tests;

public class AdapterTests
{
    [Theory]
    [InlineData("llama")]
    [InlineData("mistral")]
    [InlineData("gemma3")]
    public void Rows_with_different_adapters_are_single_adapter_runs(string name)
    {
        using var model = Tiny.Load(name);
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, name);
        Tiny.AddRandom(host, "b", 2, name);
        host.Activate();
        var generator = new Generator(model, null, host);
        var prompts = Tiny.Prompts(11, 9, 9, 4, 15, 7);
        string?[] rows = ["a", "b", null, "a", "b"];
        int[][] Single(int i)
        {
            host.Activate(rows[i] is { } n ? [(n, 1)] : []);
            return generator.Generate([prompts[i]], Tiny.Greedy(12)).Ids();
        }
        int[][] alone = [.. Enumerable.Range(0, rows.Length).Select(i => Single(i)[0])];
        host.Activate();
        var mixed = generator.Generate([.. prompts.Select((p, i) => p with { Adapter = rows[i] })], Tiny.Greedy(12)).Ids();
        Assert.Equal(alone, mixed);
        var plain = generator.Generate(prompts, Tiny.Greedy(12)).Ids();
        Assert.Equal(plain[2], mixed[2]);
        Assert.NotEqual(plain[0], mixed[0]); // the adapters do something
        Assert.NotEqual(plain[1], mixed[1]);
        host.Detach();
    }

    [Fact]
    public void A_row_without_an_adapter_of_its_own_uses_the_active_ones()
    {
        using var model = Tiny.Load("llama");
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 1, "llama");
        Tiny.AddRandom(host, "b", 2, "llama");
        var generator = new Generator(model, null, host);
        var prompts = Tiny.Prompts(12, 6, 8);
        host.Activate(("b", 0.5));
        var active = generator.Generate(prompts, Tiny.Greedy(10)).Ids();
        Assert.Equal(active[1], generator.Generate([prompts[0] with { Adapter = "a" }, prompts[1]], Tiny.Greedy(10)).Ids()[1]);
        host.Detach();
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    public void Merged_text_is_attached_text(string name)
    {
        using var model = Tiny.Load(name);
        var host = AdapterHost.Attach(model);
        Tiny.AddRandom(host, "a", 3, name);
        Tiny.AddRandom(host, "b", 4, name);
        var generator = new Generator(model, null, host);
        var prompts = Tiny.Prompts(13, 9, 4, 15);
        host.Activate(("a", 0.7), ("b", -0.4));
        var attached = generator.Generate(prompts, Tiny.Greedy(12)).Ids();
        host.Merge();
        var merged = generator.Generate(prompts, Tiny.Greedy(12)).Ids();
        host.Unmerge();
        host.Activate(("a", 0));
        var zero = generator.Generate(prompts, Tiny.Greedy(12)).Ids();
        host.Detach();
        Assert.Equal(attached, merged);
        Assert.Equal(new Generator(model, null).Generate(prompts, Tiny.Greedy(12)).Ids(), zero);
        Assert.NotEqual(attached, zero);
    }
}

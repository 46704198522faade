using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>An embedding and an output layer over one table: who sees what.</summary>
public class TiedTests
{
    private static readonly Tensor Ids = tensor(new long[] { 0, 3, 10, 4, 3, 7 }).reshape(2, 3).DetachFromDisposeScope();

    private static float Distance(Tensor a, Tensor b) => a.sub(b).abs().max().item<float>();

    [Theory]
    [InlineData("lora", false), InlineData("lora", true), InlineData("saved", false), InlineData("saved", true), InlineData("tokens", false)]
    public void Merging_equals_the_attached_model_and_unmerging_ties_again(string what, bool ensureTying)
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        var config = new LoraConfig { Rank = 2, Alpha = 3, EnsureWeightTying = ensureTying, TargetModules = what == "lora" ? Selector.Of("embed_tokens", "q_proj") : Selector.Of("q_proj") };
        if (what == "saved") config = config with { ModulesToSave = ["embed_tokens"] };
        if (what == "tokens") config = config with { TrainableTokens = [new("", [3, 10])] };
        var adapter = host.Add("a", config, 1);
        var baseOutput = model.call(Ids).detach();
        adapter.Randomise();
        string before = Specimen.HashOf(model.Embed) + Specimen.HashOf(model.Head);
        var attached = model.call(Ids).detach();
        Assert.True(Distance(attached, baseOutput) > 1e-3);

        host.Merge();
        Assert.InRange(Distance(attached, model.call(Ids)), 0, 2e-5f);
        Assert.NotSame(model.Embed.Weight, model.Head.Weight);
        bool headFollows = ensureTying || what == "tokens";
        Assert.Equal(headFollows, Distance(model.Embed.Weight, model.Head.Weight) == 0);
        host.Unmerge();
        Assert.Same(model.Embed.Weight, model.Head.Weight);
        Assert.Equal(before, Specimen.HashOf(model.Embed) + Specimen.HashOf(model.Head));

        string folder = Path.Combine(Paths.Temporary(), "a");
        adapter.Save(folder);
        host.Load("b", folder);
        host.Activate(("b", 1));
        Assert.Equal(0, Distance(attached, model.call(Ids)));
        host.Activate(("b", 0.5));
        var half = model.call(Ids).detach();
        host.Merge();
        Assert.InRange(Distance(half, model.call(Ids)), 0, 2e-5f);
        host.Detach();
    }

    [Fact]
    public void Trained_tokens_change_only_their_rows_in_both_places()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.Of("q_proj"), TrainableTokens = [new("embed_tokens", [3, 10])] }, 1);
        var embedded = model.Embed.call(Ids).detach();
        var x = randn(2, 6);
        var logits = model.Head.call(x).detach();
        var rows = adapter.Parameters.Single(p => p.Role == ParameterRole.Tokens);
        Assert.Equal("base_model.model.embed_tokens.token_adapter.trainable_tokens_delta", rows.Key);
        using (no_grad()) rows.Parameter.fill_(Scalars.Two);
        var now = model.Embed.call(Ids).detach();
        Assert.Equal(0, Distance(embedded[0, 0], now[0, 0]));
        Assert.Equal(5f, now[0, 1].max().item<float>()); // replaced, times the output scale 2.5
        var heads = model.Head.call(x).detach();
        Assert.Equal(0, Distance(logits.select(1, 4), heads.select(1, 4)));
        Assert.InRange(Distance(x.sum(1).mul(Scalars.Two), heads.select(1, 3)), 0, 1e-5f);
        host.Detach();
    }

    [Fact]
    public void The_digest_tells_the_tokens_whose_rows_are_trained()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        Adapter Of(string name, params long[] ids)
        {
            LoraConfig config = new() { TargetModules = Selector.Of("q_proj"), TrainableTokens = [new("embed_tokens", ids)] };
            var adapter = host.Add(name, config, 1);
            using (no_grad()) adapter.Parameters.Single(p => p.Role == ParameterRole.Tokens).Parameter.fill_(Scalars.Two);
            return adapter;
        }
        string digest = Of("a", 3, 10).Digest();
        Assert.Equal(digest, Of("b", 3, 10).Digest());
        Assert.NotEqual(digest, Of("c", 3, 9).Digest());
        host.Detach();
    }

    [Fact]
    public void A_tied_output_layer_has_no_factors_of_its_own_to_count()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        foreach (string[] names in (string[][])[["embed_tokens", "q_proj"], ["lm_head", "q_proj"], ["embed_tokens", "lm_head", "q_proj"]])
        {
            LoraConfig config = new() { Rank = 2, EnsureWeightTying = true, TargetModules = names };
            long numbers = 2 * (11 + 6) + 2 * (6 + 6);
            var measured = host.Measure(config);
            Assert.Equal((numbers, 2), (measured.Numbers, measured.Layers));
            var adapter = host.Add("a", config, 1);
            Assert.Equal((numbers, 2, numbers), (adapter.Size.Numbers, adapter.Size.Layers, adapter.ParameterCount));
            host.Delete("a");
        }
        host.Detach();
    }

    [Fact]
    public void A_targeted_embedding_saves_its_base_and_refuses_another_one()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        string folder = Path.Combine(Paths.Temporary(), "a");
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("embed_tokens") }, 1).Save(folder);
        using (var file = SafetensorsFile.Open(Path.Combine(folder, "adapter_model.safetensors")))
            Assert.Equal(["base_model.model.embed_tokens.base_layer.weight", "base_model.model.embed_tokens.lora_embedding_A", "base_model.model.embed_tokens.lora_embedding_B"], file.Names.Order(StringComparer.Ordinal));
        using var other = new TiedModel();
        var second = AdapterHost.Attach(other);
        Assert.Contains("the base model's own weight differs", Assert.Throws<BadInputException>(() => second.Load("a", folder)).Message);
        Assert.Empty(second.Adapters);
    }
}

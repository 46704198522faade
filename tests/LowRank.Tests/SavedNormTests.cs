using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>modules_to_save by PEFT's rule, any end of a path: trained, saved under PEFT's keys, loaded, merged.</summary>
public class SavedNormTests
{
    private static LoraConfig Config(params string[] saved) => new() { Rank = 2, Alpha = 3, TargetModules = Selector.Of("q_proj"), ModulesToSave = saved };

    [Theory]
    [InlineData("norm", "model.layers.0.input_layernorm model.layers.0.post_attention_layernorm model.layers.1.input_layernorm model.layers.1.post_attention_layernorm model.norm")]
    [InlineData("model.norm", "model.norm")]
    [InlineData("base_model.model.model.norm", "model.norm")]
    [InlineData("1.input_layernorm", "model.layers.1.input_layernorm")]
    [InlineData("_layernorm", "model.layers.0.input_layernorm model.layers.0.post_attention_layernorm model.layers.1.input_layernorm model.layers.1.post_attention_layernorm")]
    [InlineData("head", "lm_head")]
    public void A_name_means_every_module_whose_path_ends_with_it(string name, string expected)
    {
        using var w = new FolderWorld(Config(name));
        using (var file = SafetensorsFile.Open(w.Weights))
        {
            string[] saved = [.. file.Names.Where(n => !n.Contains("lora_", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
            // What PEFT looks for: the module's own path and parameter, nothing between.
            string[] wanted = [.. expected.Split(' ').SelectMany(m => m.Contains("post_", StringComparison.Ordinal) || m == "lm_head" ? new[] { "bias", "weight" } : ["weight"], (m, p) => $"base_model.model.{m}.{p}").Order(StringComparer.Ordinal)];
            Assert.Equal(wanted, saved);
        }
        Assert.Equal(name, (string)System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(w.Config))!["modules_to_save"]![0]!);
        Assert.Equal(0, w.LoadedDistance());
    }

    [Theory]
    [InlineData("norm"), InlineData("head"), InlineData("model.norm")]
    public void It_is_merged_and_unmerged_bit_for_bit(string name)
    {
        using var w = new FolderWorld(Config(name));
        w.Host.Load("a", w.Folder);
        foreach (double strength in new[] { 1, 0.3, -0.5 })
        {
            w.Host.Activate(("a", strength));
            string before = Specimen.HashOf(w.Model);
            var attached = w.Model.call(Blocks.Input).detach();
            w.Host.Merge();
            Assert.InRange(w.Model.call(Blocks.Input).sub(attached).abs().max().item<float>(), 0, 1e-5f);
            Assert.NotEqual(before, Specimen.HashOf(w.Model));
            w.Host.Unmerge();
            Assert.Equal(before, Specimen.HashOf(w.Model));
            Assert.Equal(0, w.Model.call(Blocks.Input).sub(attached).abs().max().item<float>());
        }
        w.Host.Activate(("a", 0));
        Assert.Equal(0, w.Model.call(Blocks.Input).sub(w.Base).abs().max().item<float>());
    }

    [Theory]
    [InlineData("base_model.model.model.norm.modules_to_save.default.weight")]
    [InlineData("base_model.model.model.norm.weight")]
    public void A_copys_key_may_have_the_adapters_name_in_it(string key)
    {
        using var w = new FolderWorld(Config("model.norm"));
        w.Rewrite((n, t) => (n.Contains("norm", StringComparison.Ordinal) ? key : n, t));
        Assert.Equal(0, w.LoadedDistance());
    }

    [Fact]
    public void Token_rows_find_their_embedding_by_any_end_too()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.Of("q_proj"), TrainableTokens = [new("_tokens", [3])] }, 1);
        Assert.Equal("base_model.model.embed_tokens.token_adapter.trainable_tokens_delta", adapter.Parameters.Single(p => p.Role == ParameterRole.Tokens).Key);
        host.Detach();
    }

    [Fact]
    public void A_name_that_ends_no_path_is_refused()
        => Assert.Contains("no module has this name (got nrom). Did you mean 'norm'", Assert.Throws<BadInputException>(() => new FolderWorld(Config("nrom"))).Message);
}

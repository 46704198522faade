using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>Which modules a configuration means, and what is refused.</summary>
public class TargetTests
{
    private sealed class Group(string name) : nn.Module(name);

    private sealed class Tree : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> _first;

        public Tree() : base("Tree")
        {
            var model = new Group("model");
            model.register_module("embed_tokens", nn.Embedding(5, 4));
            var layers = new Group("layers");
            for (int i = 0; i < 3; i++)
            {
                var block = new Group("block");
                foreach (string part in new[] { "q_proj", "v_proj", "down_proj" }) block.register_module(part, nn.Linear(4, 4));
                var experts = new Group("experts");
                for (int e = 0; e < 2; e++)
                {
                    var expert = new Group("expert");
                    expert.register_module("w1", nn.Linear(4, 4));
                    experts.register_module($"{e}", expert);
                }
                block.register_module("experts", experts);
                layers.register_module($"{i}", block);
            }
            model.register_module("layers", layers);
            register_module("model", model);
            register_module("attention", nn.MultiheadAttention(4, 2));
            register_module("drop", nn.Dropout(0.5));
            register_module("lm_head", new OwnLinear(4, 5, ScalarType.Float32, isOutput: true));
            _first = (nn.Module<Tensor, Tensor>)named_modules().First(m => m.name == "model.layers.0.q_proj").module;
        }

        // Wrong on purpose: forward() runs no hooks.
#pragma warning disable RS0030
        public override Tensor forward(Tensor x) => _first.forward(x);
#pragma warning restore RS0030
    }

    private static string[] Hit(string json, string? modelType = null)
    {
        using var tree = new Tree();
        var host = AdapterHost.Attach(tree);
        var adapter = host.Add("a", LoraConfig.FromJson(JsonNode.Parse(json)!.AsObject()), 1, modelType);
        string[] names = [.. adapter.Modules.Select(m => m.Module.Replace("model.layers.", ""))];
        host.Detach();
        return names;
    }

    [Theory]
    [InlineData("""{"target_modules": ["q_proj"]}""", "0.q_proj 1.q_proj 2.q_proj")]
    [InlineData("""{"target_modules": ["model.layers.1.q_proj", "2.v_proj"]}""", "1.q_proj 2.v_proj")]
    [InlineData("""{"target_modules": ".*layers\\.[02]\\.(q|v)_proj"}""", "0.q_proj 0.v_proj 2.q_proj 2.v_proj")]
    [InlineData("""{"target_modules": ["q_proj", "v_proj"], "exclude_modules": ["v_proj", "1.q_proj"]}""", "0.q_proj 2.q_proj")]
    [InlineData("""{"target_modules": ["q_proj"], "exclude_modules": ".*\\.1\\..*"}""", "0.q_proj 2.q_proj")]
    [InlineData("""{"target_modules": ["q_proj"], "layers_to_transform": [0, 2]}""", "0.q_proj 2.q_proj")]
    [InlineData("""{"target_modules": ["w1"], "layers_to_transform": 1}""", "1.experts.0.w1 1.experts.1.w1")]
    [InlineData("""{"target_modules": ["w1"], "layers_to_transform": 1, "layers_pattern": ["experts"]}""", "0.experts.1.w1 1.experts.1.w1 2.experts.1.w1")]
    [InlineData("""{"target_modules": ["embed_tokens"]}""", "model.embed_tokens")]
    [InlineData("""{}""", "0.q_proj 0.v_proj 1.q_proj 1.v_proj 2.q_proj 2.v_proj", "llama")]
    public void Rules_choose_the_modules(string json, string expected, string? modelType = null)
        => Assert.Equal(expected.Split(' '), Hit(json, modelType));

    [Fact]
    public void All_linear_takes_every_linear_layer_but_the_output()
    {
        string[] hit = Hit("""{"target_modules": "all-linear", "exclude_modules": ["attention", "0.q_proj"]}""");
        Assert.Equal(14, hit.Length);
        Assert.DoesNotContain("lm_head", hit);
    }

    [Theory]
    [InlineData("""{"target_modules": ["q_porj"]}""", "Did you mean 'q_proj'")]
    [InlineData("""{"target_modules": ["q_porj"]}""", "model.layers.0.q_proj")]
    [InlineData("""{"target_modules": ["attention"]}""", "MultiheadAttention cannot be adapted")]
    [InlineData("""{"target_modules": ["drop"]}""", "a target of type Dropout cannot be adapted")]
    [InlineData("""{}""", "Use target_modules: all-linear.")]
    [InlineData("""{"target_modules": ["q_proj"], "modules_to_save": ["q_proj"]}""", "cannot be both a target and trained as a copy")]
    [InlineData("""{"target_modules": ["q_proj"], "modules_to_save": ["lm_haed"]}""", "Did you mean 'lm_head'")]
    [InlineData("""{"target_modules": ["q_proj"], "modules_to_save": ["lm_haed", "embed_token", "lm_head"]}""", "(2 mistakes)")]
    [InlineData("""{"target_modules": ["q_proj"], "layers_to_transform": [7, 9]}""", "layers_to_transform: no targeted layer is in these blocks (got 7, 9); expected of the blocks with targets, 0, 1, 2")]
    [InlineData("""{"target_modules": ["q_proj"], "trainable_token_indices": [5]}""", "a token id is beyond the embedding (got 5); expected 0 to 4")]
    [InlineData("""{"target_modules": ["embed_tokens"], "lora_bias": true}""", "lora_bias cannot be used on an embedding")]
    public void What_cannot_be_is_refused(string json, string expected)
        => Assert.Contains(expected, Assert.Throws<BadInputException>(() => Hit(json)).Message);

    [Fact]
    public void A_layer_reached_by_forward_is_found_out_after_the_first_pass()
    {
        using var scope = NewDisposeScope();
        using var tree = new Tree();
        var host = AdapterHost.Attach(tree);
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("0.q_proj") }, 1);
        string message = Assert.Throws<BadInputException>(() => tree.call(randn(2, 4))).Message;
        Assert.Contains("model.layers.0.q_proj", message);
        Assert.Contains("layer.call(x)", message);
    }

    [Fact]
    public void Dilated_convolutions_and_ranks_that_do_not_divide_are_refused()
    {
        string Message(nn.Module<Tensor, Tensor> layer, int rank)
            => Assert.Throws<BadInputException>(() => AdapterHost.Attach(nn.Sequential(("c", layer))).Add("a", new LoraConfig { Rank = rank, TargetModules = Selector.Of("c") }, 1)).Message;
        Assert.Contains("a dilated convolution cannot be adapted", Message(nn.Conv1d(2, 2, 3, dilation: 2), 2));
        Assert.Contains("a multiple of 2", Message(nn.Conv1d(2, 2, 3, groups: 2), 3));
    }

    [Theory]
    [InlineData("""{"target_modules": ["q_proj", "v_porj"]}""", "target_modules: no module of the model has this name (got v_porj). Did you mean 'v_proj'")]
    [InlineData("""{"target_modules": ["q_proj", "all-linear"]}""", "Write target_modules: all-linear, without a list.")]
    [InlineData("""{"target_modules": ["q_proj"], "exclude_modules": ["vproj"]}""", "exclude_modules: no module of the model has this name (got vproj)")]
    [InlineData("""{"target_modules": ["q_proj"], "exclude_modules": ".*k_proj"}""", "(got .*k_proj)")]
    [InlineData("""{"target_modules": ["q_proj"], "exclude_modules": "v_proj"}""", "A text is a pattern for whole paths; as names: exclude_modules: [v_proj].")]
    [InlineData("""{"target_modules": "q_proj,v_proj"}""", "as names: target_modules: [q_proj, v_proj]. Or use all-linear.")]
    [InlineData("""{"target_modules": ["q_proj"], "rank_pattern": {"v_proj": 2}}""", "rank_pattern: no targeted layer has this name (got v_proj)")]
    [InlineData("""{"target_modules": ["q_proj"], "alpha_pattern": {"q_prj": 2}}""", "alpha_pattern: no targeted layer has this name (got q_prj). Did you mean 'q_proj'?")]
    [InlineData("""{"target_modules": ["q_proj"], "rank_pattern": {"q_proj": 2, "1.q_proj": 3}}""", "an earlier key has all layers of this one (got 1.q_proj)")]
    [InlineData("""{"target_modules": ["q_proj"], "layers_to_transform": [0, 3]}""", "layers_to_transform: no targeted layer is in this block (got 3); expected of the blocks with targets, 0")]
    [InlineData("""{"target_modules": ["w1"], "layers_to_transform": 1, "layers_pattern": ["experts", "h"]}""", "layers_pattern: no targeted layer stands behind this name and a number (got h)")]
    public void A_name_that_means_nothing_is_refused_of_a_new_adapter(string json, string expected)
    {
        Assert.Contains(expected, Assert.Throws<BadInputException>(() => Hit(json)).Message);
        using var tree = new Tree();
        var host = AdapterHost.Attach(tree);
        Assert.Throws<BadInputException>(() => host.Measure(LoraConfig.FromJson(JsonNode.Parse(json)!.AsObject())));
    }

    [Fact]
    public void Names_that_mean_nothing_come_all_at_once()
        => Assert.Contains("(4 mistakes)", Assert.Throws<BadInputException>(() => Hit("""{"target_modules": ["q_proj", "x"], "exclude_modules": ["y"], "rank_pattern": {"z": 1}, "layers_to_transform": [0, 7]}""")).Message);

    [Fact]
    public void A_folder_that_names_more_than_the_model_has_is_loaded_as_PEFT_does()
    {
        using var tree = new Tree();
        var host = AdapterHost.Attach(tree);
        string folder = Path.Combine(Paths.Temporary(), "a"), config = Path.Combine(folder, "adapter_config.json");
        host.Add("a", new LoraConfig { TargetModules = Selector.Of("q_proj") }, 1).Save(folder);
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        (json["target_modules"], json["exclude_modules"], json["rank_pattern"]) = (new JsonArray("q_proj", "query"), new JsonArray("nothing"), new JsonObject { ["query"] = 3 });
        File.WriteAllText(config, json.ToJsonString());
        Assert.Equal(3, host.Load("b", folder).Modules.Count);
    }

    [Fact]
    public void A_rank_is_measured_before_anything_is_made()
    {
        using var net = nn.Sequential(("a", nn.Linear(6, 5)), ("b", nn.Linear(5, 9)));
        var host = AdapterHost.Attach(net);
        AdapterSize Size(int rank) => host.Measure(new LoraConfig { Rank = rank, TargetModules = Selector.AllLinear });
        Assert.Equal((2 * (6 + 5 + 5 + 9), 5, null), (Size(2).Numbers, Size(2).Most, Size(2).Useless));
        Assert.Equal(7, Size(7).Useless);
        Assert.Equal([("a", 7, 5L), ("b", 7, 5L)], Size(7).Wasteful);
        long before = Environment.WorkingSet;
        var error = Assert.Throws<BadInputException>(() => host.Add("a", new LoraConfig { Rank = int.MaxValue, TargetModules = Selector.AllLinear }, 1)); // 25 * 2^31 numbers
        Assert.Contains("larger than this machine's memory (got 2147483647)", error.Message);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 200 << 20);
        Assert.Empty(host.Adapters);
    }

    [Fact]
    public void Orthogonal_starts_at_the_base_with_full_factors()
    {
        using var scope = NewDisposeScope();
        var net = nn.Sequential(("l", nn.Linear(6, 5)));
        var host = AdapterHost.Attach(net);
        var x = randn(3, 6);
        var y = net.call(x).detach();
        var a = host.Add("a", new LoraConfig { Rank = 4, Initialisation = LoraInitialisation.Orthogonal, TargetModules = Selector.Of("l") }, 1);
        Assert.InRange(net.call(x).sub(y).abs().max().item<float>(), 0, 1e-5f);
        Assert.All(a.Parameters, p => Assert.True(p.Parameter.abs().max().item<float>() > 0.01f));
    }

    [Fact]
    public void Damaged_folders_are_refused_whole()
    {
        using var scope = NewDisposeScope();
        var net = nn.Sequential(("l", nn.Linear(6, 5)));
        var host = AdapterHost.Attach(net);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.Of("l") }, 1);
        string root = Paths.Temporary(), folder = Path.Combine(root, "good"), weights = Path.Combine(folder, "adapter_model.safetensors");
        adapter.Save(folder);
        string Message(string path) => Assert.Throws<BadInputException>(() => host.Load("b", path)).Message;

        Assert.Contains("Did you mean 'good'", Message(Path.Combine(root, "goood")));
        Assert.Contains($"give {folder}", Message(root));
        Assert.Contains("the output already exists", Assert.Throws<BadInputException>(() => adapter.Save(folder)).Message);
        adapter.Save(folder, overwrite: true);

        var keys = adapter.Parameters.Select(p => p.Key).ToList();
        void Write(params (string, Tensor)[] tensors) => SafetensorsWriter.Write(weights, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        Write((keys[0], zeros(8, 6)), ("base_model.model.l.lora_C.weight", zeros(2)));
        string both = Message(folder);
        Assert.Contains("(2 mistakes)", both);
        Assert.Contains("a tensor is missing (got base_model.model.l.lora_B.weight); expected [5, 8]", both);
        Assert.Contains("a tensor is unexpected (got base_model.model.l.lora_C.weight [2])", both);
        Write((keys[0], zeros(8, 6).fill_(Scalars.Of(double.NaN))), (keys[1], zeros(5, 8)));
        Assert.Contains("a tensor holds NaN or infinity (got base_model.model.l.lora_A.weight)", Message(folder));
        Write((keys[0], zeros(8, 6).to_type(ScalarType.Int32)), (keys[1], zeros(5, 8)));
        Assert.Contains("not of floating point", Message(folder));
        Write((keys[0], ones(8, 6).bfloat16()), (keys[1], ones(5, 8).to_type(ScalarType.Float16)));
        Assert.All(host.Load("half", folder).Parameters, p => Assert.Equal(ScalarType.Float32, p.Parameter.dtype));
        File.Move(weights, Path.Combine(folder, "adapter_model.bin"));
        Assert.Contains("safetensors.torch.save_file", Message(folder));
        Assert.Equal(["a", "half"], host.Adapters.Keys);
        Assert.Contains("there is no adapter of this name (got halv)", Assert.Throws<BadInputException>(() => host.Activate(("halv", 1))).Message);
    }

    [Fact]
    public void Merging_to_infinity_changes_nothing()
    {
        using var scope = NewDisposeScope();
        var net = nn.Sequential(("l", nn.Linear(6, 5)));
        var host = AdapterHost.Attach(net);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.Of("l"), Initialisation = LoraInitialisation.None }, 1);
        string before = Specimen.HashOf(net);
        using (no_grad()) adapter.Parameters[1].Parameter.fill_(Scalars.Of(double.PositiveInfinity));
        Assert.Contains("l.weight", Assert.Throws<BadInputException>(() => host.Merge()).Message);
        Assert.False(host.IsMerged);
        Assert.Equal(before, Specimen.HashOf(net));
    }
}

using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Tests;

/// <summary>What PEFT reads is read with the same numbers, whatever wrote it.</summary>
public class PeftFolderTests
{
    [Theory]
    [InlineData("\"target_modules\": [\n    \"q_proj\",\n    \"v_proj\"\n  ]", "\"target_modules\": null")] // the model type's own
    [InlineData("\"target_modules\": [\n    \"q_proj\",\n    \"v_proj\"\n  ]", "\"target_modules\": \".*\\\\.(?P<x>q_proj|v_proj)\"")]
    [InlineData("\"init_lora_weights\": true", "\"init_lora_weights\": \"eva\"")]
    [InlineData("\"eva_config\": null", "\"eva_config\": {\"rho\": 2.0, \"tau\": NaN, \"why\": \"\\\"NaN\", \"beta\": [-Infinity, Infinity]}")] // Python writes them so
    [InlineData("\"corda_config\": null", "\"corda_config\": {\"corda_method\": \"ipm\"}")]
    [InlineData("\"lora_ga_config\": null", "\"lora_ga_config\": {\"direction\": \"ArB2r\"}")]
    [InlineData("\"loftq_config\": {}", "\"loftq_config\": {\"loftq_bits\": 4, \"more\": 1}")]
    [InlineData("\"layers_to_transform\": null", "\"layers_to_transform\": []")]
    [InlineData("\"layers_pattern\": null", "\"layers_pattern\": []")]
    [InlineData("\"layers_pattern\": null", "\"layers_pattern\": \"\"")]
    [InlineData("\"r\": 2", "\"r\": 16,\n  \"r\": 2")] // Python takes the last
    [InlineData("\"revision\": null", "\"a_later_key\": null, \"another\": false, \"third\": {}, \"fourth\": [], \"fifth\": \"\"")]
    [InlineData("\"peft_version\": \"0.21.2\"", "\"merge_weights\": true, \"peft_version\": \"0.22.0\"")]
    [InlineData("{\n  \"", "\uFEFF{\n  \"")]
    public void A_configuration_that_PEFT_reads_changes_nothing(string from, string to)
    {
        using var w = new FolderWorld();
        w.Configure(from, to);
        Assert.Equal(0, w.LoadedDistance());
    }

    public static TheoryData<string, bool> Spellings => new()
    {
        { "default", false }, { "default", true }, { "my adapter", true },
    };

    [Theory, MemberData(nameof(Spellings))]
    public void Keys_with_an_adapters_name_in_them_are_the_same_keys(string adapter, bool dora)
    {
        using var w = new FolderWorld(new LoraConfig { Rank = 2, Alpha = 3, UseDora = dora, TargetModules = Selector.Of("q_proj", "v_proj") });
        w.Rewrite((n, t) => (n.EndsWith("_vector", StringComparison.Ordinal) ? $"{n}.{adapter}.weight" : n.Replace(".weight", $".{adapter}.weight", StringComparison.Ordinal), t));
        Assert.Equal(0, w.LoadedDistance());
        w.Rewrite((n, t) => (n.Replace($".{adapter}.weight", n.Contains("_vector", StringComparison.Ordinal) ? $".{adapter}" : ".weight", StringComparison.Ordinal), t));
        Assert.Equal(0, w.LoadedDistance());
    }

    [Fact]
    public void A_magnitude_may_be_a_modules_weight()
    {
        using var w = new FolderWorld(new LoraConfig { Rank = 2, Alpha = 3, UseDora = true, TargetModules = Selector.Of("q_proj") });
        w.Rewrite((n, t) => (n.EndsWith("_vector", StringComparison.Ordinal) ? n + ".weight" : n, t));
        Assert.Equal(0, w.LoadedDistance());
    }

    [Fact]
    public void An_embeddings_keys_may_have_the_name_behind_them()
    {
        using var scope = NewDisposeScope();
        using var model = new TiedModel();
        var host = AdapterHost.Attach(model);
        var made = host.Add("a", new LoraConfig { Rank = 2, TargetModules = Selector.Of("embed_tokens"), Initialisation = LoraInitialisation.None }, 1);
        string folder = Path.Combine(Paths.Temporary(), "a"), weights = Path.Combine(folder, "adapter_model.safetensors");
        made.Save(folder);
        var values = made.Parameters.Select(p => p.Parameter.detach().clone()).ToList();
        File.Move(weights, weights + ".old");
        using (var file = SafetensorsFile.Open(weights + ".old"))
            SafetensorsWriter.Write(weights, [.. file.Names.Select(n => (n.Contains("lora_", StringComparison.Ordinal) ? n + ".default" : n, file.Get(n)))]);
        var loaded = host.Load("b", folder);
        Assert.Equal((2, 2), (loaded.Parameters.Count, values.Count));
        Assert.All(loaded.Parameters.Zip(values), p => Assert.Equal(0, p.First.Parameter.sub(p.Second).abs().max().item<float>()));
        host.Detach();
    }

    [Fact]
    public void Shards_are_read_through_their_index()
    {
        using var w = new FolderWorld();
        JsonObject map = [];
        string[] shards = ["adapter_model-00001-of-00002.safetensors", "adapter_model-00002-of-00002.safetensors"];
        var tensors = new List<(string, Tensor)>();
        w.Rewrite((n, t) => { tensors.Add((n, t.clone())); return (n, t); });
        File.Delete(w.Weights);
        foreach (var (shard, part) in shards.Zip(tensors.Chunk(5)))
        {
            SafetensorsWriter.Write(Path.Combine(w.Folder, shard), part);
            foreach (var (name, _) in part) map[name] = shard;
        }
        Assert.Contains("the adapter's shards are there without their index (got adapter_model-00001-of-00002.safetensors, adapter_model-00002-of-00002.safetensors)", w.Refusal().Message);
        File.WriteAllText(w.Weights + ".index.json", new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        Assert.Equal(0, w.LoadedDistance());
        using var stored = StoredAdapter.Open(w.Folder);
        Assert.Equal(8, stored.Names.Count);
        File.Delete(Path.Combine(w.Folder, shards[1]));
        Assert.Contains(shards[1], w.Refusal().Message);
    }

    [Fact]
    public void A_folder_of_the_hubs_cache_is_its_snapshot()
    {
        using var w = new FolderWorld();
        string hub = Path.Combine(Path.GetDirectoryName(w.Folder)!, "models--me--lora"), snapshot = Path.Combine(hub, "snapshots", "0a1b");
        Directory.CreateDirectory(Path.GetDirectoryName(snapshot)!);
        Directory.Move(w.Folder, snapshot);
        w.Host.Load("cached", hub);
        w.Host.Activate(("cached", 1));
        Assert.Equal(0, w.Model.call(Blocks.Input).sub(w.Output).abs().max().item<float>());
    }

    [Fact]
    public void Metadata_may_be_null()
    {
        using var w = new FolderWorld();
        byte[] bytes = File.ReadAllBytes(w.Weights);
        string header = System.Text.Encoding.UTF8.GetString(bytes, 8, (int)BitConverter.ToInt64(bytes));
        const string old = "\"__metadata__\":{\"format\":\"pt\"}";
        Assert.Contains(old, header);
        System.Text.Encoding.UTF8.GetBytes(header.Replace(old, "\"__metadata__\":null".PadRight(old.Length), StringComparison.Ordinal)).CopyTo(bytes, 8);
        File.WriteAllBytes(w.Weights, bytes);
        Assert.Equal(0, w.LoadedDistance());
        using var file = SafetensorsFile.Open(w.Weights);
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void What_is_saved_again_is_what_PEFT_expects()
    {
        using var w = new FolderWorld(new LoraConfig { Rank = 2, Alpha = 3, UseDora = true, TargetModules = Selector.Of("q_proj"), ModulesToSave = ["model.norm"] });
        w.Configure("\"init_lora_weights\": true", "\"init_lora_weights\": \"eva\"");
        w.Rewrite((n, t) => (n.EndsWith("_vector", StringComparison.Ordinal) ? n + ".default.weight" : n.Replace(".weight", ".default.weight", StringComparison.Ordinal).Replace("norm.default", "norm", StringComparison.Ordinal), t));
        string again = Path.Combine(Paths.Temporary(), "again");
        w.Host.Load("a", w.Folder).Save(again);
        using var file = SafetensorsFile.Open(Path.Combine(again, "adapter_model.safetensors"));
        string[] ends = ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"];
        string[] wanted = [.. new[] { 0, 1 }.SelectMany(_ => ends, (i, e) => $"base_model.model.model.layers.{i}.self_attn.q_proj.{e}"), "base_model.model.model.norm.weight"];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
        Assert.True((bool)JsonNode.Parse(File.ReadAllText(Path.Combine(again, "adapter_config.json")))!["init_lora_weights"]!);
    }
}

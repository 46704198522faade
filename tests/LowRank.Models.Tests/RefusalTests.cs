using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

public class RefusalTests
{
    [Fact]
    public void Every_mistake_of_a_config_is_named_at_once()
    {
        var config = ModelGolden.Config("llama");
        config["hidden_act"] = "sine";
        config["clever_trick"] = 3;
        config["vocab_size"] = "many";
        config["rope_parameters"]!["rope_type"] = "spiral"; // whose keys are not known
        config["rope_parameters"]!["twist"] = 0.5;
        config["quantization_config"] = new JsonObject { ["quant_method"] = "gptq" };
        config["empty_trick"] = null;
        config["false_trick"] = false;
        var e = Assert.Throws<BadInputException>(() => FamilyTable.Describe(config, "config.json"));
        foreach (string part in (string[])["sine", "gelu_new", "clever_trick", "many", "spiral", "yarn", "gptq", "dequantise", "5 mistakes"])
            Assert.Contains(part, e.Message);
        foreach (string part in (string[])["empty_trick", "false_trick", "twist"]) Assert.DoesNotContain(part, e.Message);
    }

    [Theory]
    [InlineData("gemma", "use_bidirectional_attention", "true")]
    [InlineData("gpt2", "scale_attn_by_inverse_layer_idx", "true")]
    [InlineData("llama", "rope_interleaved", "true")]
    [InlineData("llama", "num_key_value_heads", "3")]
    [InlineData("phi3", "attention_bias", "true")]
    [InlineData("qwen3", "layer_types", "[\"full_attention\", \"linear_attention\", \"full_attention\"]")]
    [InlineData("qwen3-moe", "num_experts_per_tok", "9")]
    [InlineData("mistral", "attention_bias", "true")]
    [InlineData("phi3-longrope", "rope_parameters", "{\"rope_type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1, 1, 1, 1, 1, 1]}")]
    public void Values_that_are_not_computed_are_refused_by_name(string model, string key, string value)
    {
        var config = ModelGolden.Config(model);
        config[key] = JsonNode.Parse(value);
        var e = Assert.Throws<BadInputException>(() => FamilyTable.Describe(config, "config.json"));
        Assert.Contains(key == "rope_parameters" ? "short_factor" : key, e.Message);
    }

    [Fact]
    public void An_unknown_family_is_refused_with_the_list_and_near_names()
    {
        var config = ModelGolden.Config("llama");
        config["model_type"] = "qwen33";
        var e = Assert.Throws<BadInputException>(() => FamilyTable.Describe(config, "config.json"));
        Assert.Contains("qwen3_moe", e.Message);
        Assert.Contains("Did you mean 'qwen3'", e.Message);
        config.Remove("model_type");
        Assert.Throws<BadInputException>(() => FamilyTable.Describe(config, "config.json"));
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_tensors_are_all_listed()
    {
        using var scope = NewDisposeScope();
        string folder = ModelCopy.Of(Paths.Golden("models/llama"), tensors =>
        {
            tensors.Remove("model.norm.weight");
            tensors.Remove("model.layers.1.mlp.up_proj.weight");
            tensors["model.layers.0.self_attn.q_proj.weight"] = zeros(48, 40);
            tensors["model.layers.0.extra.weight"] = zeros(2, 3);
            tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = zeros(6);
        });
        var e = Assert.Throws<BadInputException>(() => ModelLoader.Load(folder));
        foreach (string part in (string[])["missing tensor 'model.norm.weight'; expected [48]", "model.layers.1.mlp.up_proj.weight", "q_proj.weight' (got [48, 40]); expected [48, 48]", "unexpected tensor 'model.layers.0.extra.weight' (got [2, 3])", "4 mistakes"])
            Assert.Contains(part, e.Message);
        Assert.DoesNotContain("inv_freq", e.Message);
    }

    [Fact]
    public void A_tied_head_may_be_written_out_if_it_is_the_same()
    {
        using var scope = NewDisposeScope();
        string tied = Paths.Golden("models/llama-tied");
        string same = ModelCopy.Of(tied, t => t["lm_head.weight"] = t["model.embed_tokens.weight"].clone());
        using (var model = ModelLoader.Load(same)) Assert.True(model.IsTied);
        string other = ModelCopy.Of(tied, t => t["lm_head.weight"] = t["model.embed_tokens.weight"].mul(Scalars.Two));
        Assert.Contains("tie_word_embeddings", Assert.Throws<BadInputException>(() => ModelLoader.Load(other)).Message);
    }

    [Fact]
    public void A_file_of_the_base_model_alone_loads_without_its_prefix()
    {
        using var golden = new ModelGolden("gpt2");
        using var scope = NewDisposeScope();
        string folder = ModelCopy.Of(Paths.Golden("models/gpt2"), tensors =>
        {
            foreach (string name in tensors.Keys.ToList())
            {
                tensors[name["transformer.".Length..]] = tensors[name];
                tensors.Remove(name);
            }
            tensors["h.0.attn.bias"] = ones(1, 1, 256, 256);
        });
        using var model = ModelLoader.Load(folder);
        var ids = golden["input_ids"];
        Assert.True(model.call(ids).equal(golden.Model.call(ids)).all().item<bool>());
    }

    [Fact]
    public void Folders_that_are_no_models_are_refused()
    {
        string empty = Paths.Temporary();
        Assert.Contains("no config.json", Assert.Throws<BadInputException>(() => ModelLoader.Load(empty)).Message);
        File.WriteAllText(Path.Combine(empty, "config.json"), "[1]");
        Assert.Contains("not a JSON object", Assert.Throws<BadInputException>(() => ModelLoader.Load(empty)).Message);
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => ModelLoader.Load(Path.Combine(empty, "none"))).Message);
        Assert.Contains("Float16", Assert.Throws<BadInputException>(() => ModelLoader.Load(Paths.Golden("models/llama"), ScalarType.Float16)).Message);
    }
}

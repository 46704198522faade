using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>A rope's settings in today's spelling, the old one and both: one meaning, or a refusal.</summary>
public class RopeKeysTests
{
    private const string Yarn = """{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}""";

    private static RopeSpec[] Ropes(JsonObject config) => [.. FamilyTable.Describe(config, "config.json").Ropes];

    private static string Refused(JsonObject config) => Assert.Throws<BadInputException>(() => FamilyTable.Describe(config, "config.json")).Message;

    public static TheoryData<string> All => ModelGolden.All;

    [Theory, MemberData(nameof(All))]
    public void Both_spellings_in_one_file_that_agree_are_what_either_is_alone(string name)
    {
        using var golden = new ModelGolden(name);
        var both = ModelGolden.Config(name, "config.v4.json");
        foreach (var (key, value) in ModelGolden.Config(name))
            if (!both.ContainsKey(key)) both[key] = value?.DeepClone();
        string folder = ModelGolden.OldSpelling(golden.Folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), both.ToJsonString());
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        using var model = ModelLoader.Load(folder);
        Tensor ids = golden["input_ids"], mask = golden["attention_mask"];
        float difference = ModelGolden.Difference(model.Logits(model.Hidden(ids, mask)), golden["logits"], mask);
        Assert.True(difference < 5e-5, $"{name}: logits differ by {difference}");
    }

    [Theory]
    [InlineData("llama"), InlineData("gemma"), InlineData("gemma2"), InlineData("gpt-neox"), InlineData("granite"), InlineData("mistral"), InlineData("mixtral"), InlineData("olmo2")]
    [InlineData("qwen2"), InlineData("qwen3"), InlineData("qwen3-moe"), InlineData("smollm3"), InlineData("phi3"), InlineData("gemma3")]
    public void Scaling_beside_default_parameters_counts(string name)
    {
        JsonObject both = ModelGolden.Config(name), alone = ModelGolden.Config(name);
        both["rope_scaling"] = JsonNode.Parse(Yarn);
        var rope = alone["rope_parameters"]!.AsObject();
        if (rope["full_attention"] is JsonObject full) rope = full;
        foreach (var (key, value) in JsonNode.Parse(Yarn)!.AsObject()) rope[key] = value!.DeepClone();
        RopeSpec[] got = Ropes(both), right = Ropes(alone);
        Assert.Equal(RopeKind.Yarn, got[0].Kind);
        Assert.Equal((4.0, 32), (got[0].Factor, got[0].TrainedPositions));
        Assert.True(got.Zip(right).All(p => p.First.SameAs(p.Second)), $"{got[0]} is not {right[0]}");
        Assert.NotEqual(RopeFrequencies.Of(Ropes(ModelGolden.Config(name))[0], 8), RopeFrequencies.Of(got[0], 8));
    }

    [Theory]
    [InlineData("llama-yarn", """{"rope_type": "linear", "factor": 4.0}""")]
    [InlineData("llama-yarn", """{"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32}""")]
    [InlineData("llama-yarn", """{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 16}""")]
    [InlineData("llama-yarn", """{"rope_type": "default"}""")]
    [InlineData("llama-tied", Yarn)] // Transformers would take the family's base of 10000 for the 100000 that rope_parameters says
    [InlineData("llama3-rope", """{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 2.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 500000}""")]
    [InlineData("phi3-longrope", """{"rope_type": "longrope", "original_max_position_embeddings": 16, "long_factor": [1.5, 2.0, 2.5, 3.0, 3.5, 9.0], "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]}""")]
    public void Two_ropes_that_contradict_each_other_are_refused(string name, string scaling)
    {
        var config = ModelGolden.Config(name);
        config["rope_scaling"] = JsonNode.Parse(scaling);
        Assert.Contains("'rope_parameters' contradicts 'rope_scaling'", Refused(config));
    }

    [Theory]
    [InlineData("llama", "rope_theta", "500000", "500000 and 10000")]
    [InlineData("llama-yarn", "rope_theta", "500000", "500000 and 10000")]
    [InlineData("phi3", "partial_rotary_factor", "0.5", "0.5 and 1")]
    [InlineData("phi3-longrope", "original_max_position_embeddings", "64", "64 and 16")]
    [InlineData("gpt-neox", "rotary_pct", "0.5", "0.5 and 0.25")]
    [InlineData("gpt-neox", "rotary_emb_base", "500", "500 and 10000")]
    [InlineData("gemma3", "rope_local_base_freq", "500", "500 and 10000")]
    [InlineData("gemma3", "sliding_window_pattern", "3", "3 and 6")]
    [InlineData("mixtral", "num_experts", "2", "4 and 2")]
    [InlineData("llama-yarn", "rope_parameters", """{"rope_type": "yarn", "type": "linear", "factor": 4.0, "rope_theta": 10000.0}""", "yarn and linear")]
    [InlineData("qwen2", "layer_types", """["full_attention", "sliding_attention", "full_attention"]""", "sliding_attention and false")]
    public void One_value_said_twice_differently_is_refused_with_both(string name, string key, string value, string shown)
    {
        var config = ModelGolden.Config(name);
        config[key] = JsonNode.Parse(value);
        string message = Refused(config);
        Assert.Contains($"(got {shown})", message);
        Assert.Contains("contradicts", message);
        Assert.StartsWith("config.json", message);
    }

    [Theory]
    [InlineData("llama", "rope_theta", "\"big\"", "a number")]
    [InlineData("llama", "rope_theta", "0", "more than 0")]
    [InlineData("phi3", "partial_rotary_factor", "[]", "a number")]
    public void A_wrong_number_is_one_mistake(string name, string key, string value, string expected)
    {
        var config = ModelGolden.Config(name);
        foreach (var place in (JsonObject[])[config, .. config["rope_parameters"] is JsonObject rope ? [rope] : (JsonObject[])[]]) place.Remove(key);
        config[key] = JsonNode.Parse(value);
        string message = Refused(config);
        Assert.Contains($"'{key}' has a value that is not supported (got {value}); expected {expected}", message);
        Assert.DoesNotContain("mistakes", message);
    }

    [Theory]
    [InlineData("""{"factor": 2.0}""", "'rope_type' has a value that is not supported (got nothing); expected linear, dynamic, yarn")]
    [InlineData("""{"type": "default", "factor": 2.0}""", "'rope_type' has a value that is not supported (got default); expected linear")]
    [InlineData("""{"type": "lineal", "factor": 2.0}""", "'rope_type' has a value that is not supported (got lineal); expected default, linear")]
    [InlineData("""{"type": "linear", "factor": "2.0"}""", "'factor' has a value that is not supported (got \"2.0\"); expected a number")]
    [InlineData("""{"type": "linear"}""", "'factor' has a value that is not supported (got nothing); expected a number of at least 1")]
    [InlineData("""{"type": "linear", "factor": 0.5}""", "'factor' has a value that is not supported (got 0.5); expected a number of at least 1")]
    public void What_is_wrong_with_a_scaling_is_one_mistake(string scaling, string expected)
    {
        var config = ModelGolden.Config("llama-tied", "config.v4.json");
        config["rope_scaling"] = JsonNode.Parse(scaling);
        string message = Refused(config);
        Assert.Contains(expected, message);
        Assert.DoesNotContain("mistakes", message);
    }

    [Theory]
    [InlineData("llama-yarn", "0", "expected at least 1")]
    [InlineData("llama-yarn", "-4", "expected at least 1")]
    [InlineData("llama-yarn", "32.5", "expected a whole number")]
    [InlineData("phi3-longrope", "0", "expected at least 1")]
    [InlineData("phi3-longrope", "-4", "expected at least 1")]
    [InlineData("phi3-longrope", "16.5", "expected a whole number")]
    public void Trained_positions_are_a_count(string name, string value, string said)
    {
        foreach (string place in (string[])["rope_parameters", ""])
        {
            var config = ModelGolden.Config(name);
            if (name != "phi3-longrope" && place.Length == 0) continue; // of this family the key stands in the rope only
            config.Remove("original_max_position_embeddings");
            config["rope_parameters"]!.AsObject().Remove("original_max_position_embeddings");
            (place.Length == 0 ? config : config[place]!.AsObject())["original_max_position_embeddings"] = JsonNode.Parse(value);
            string message = Refused(config);
            Assert.Contains($"'original_max_position_embeddings' has a value that is not supported (got {value}); {said}", message);
        }
    }

    [Fact]
    public void A_share_of_a_head_is_refused_where_the_family_rotates_whole_heads()
    {
        var config = ModelGolden.Config("llama");
        config["partial_rotary_factor"] = 0.5;
        Assert.Contains("'partial_rotary_factor' has a value that is not supported (got 0.5)", Refused(config));
        config["partial_rotary_factor"] = 1.0;
        Assert.Equal(12, Ropes(config)[0].Size);
    }
}

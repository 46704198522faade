using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Tests;

/// <summary>adapter_config.json: read, refused, written again.</summary>
public class ConfigTests
{
    private static LoraConfig Read(string json) => LoraConfig.FromJson(JsonNode.Parse(json)!.AsObject());

    [Fact]
    public void PEFTs_own_files_come_back_the_same()
    {
        foreach (string name in LayerNets.All)
        {
            var json = JsonNode.Parse(File.ReadAllText(Path.Combine(LayerNets.Folder(name), "adapter_config.json")))!;
            Assert.True(JsonNode.DeepEquals(json, LoraConfig.FromJson(json.AsObject()).ToJson()), name);
            Assert.Equal(json.AsObject().Select(p => p.Key), LoraConfig.FromJson(json.AsObject()).ToJson().Select(p => p.Key));
        }
    }

    [Fact]
    public void Every_key_is_understood_and_unknown_ones_are_kept()
    {
        const string text = """
            {"peft_type": "LORA", "r": 4, "lora_alpha": 6.5, "lora_dropout": 0.25, "target_modules": ".*q_proj", "exclude_modules": ["layers.0.q_proj"], "rank_pattern": {"b": 2, "a": 3},
             "alpha_pattern": {"q_proj": 32}, "use_rslora": true, "bias": "lora_only", "modules_to_save": ["lm_head"], "trainable_token_indices": {"embed_tokens": [3, 9]}, "init_lora_weights": "gaussian",
             "ensure_weight_tying": true, "fan_in_fan_out": true, "task_type": "SEQ_CLS", "base_model_name_or_path": "x/y", "revision": "main", "something_new": {"deep": [1.50, null]}}
            """;
        var c = Read(text);
        Assert.Equal((4, 6.5, 0.25), (c.Rank, c.Alpha, c.Dropout));
        Assert.Equal(["b", "a"], c.RankPattern.Select(p => p.Key));
        Assert.Equal(32, c.AlphaPattern[0].Value);
        Assert.Equal(BiasTraining.LoraOnly, c.Bias);
        Assert.Equal(LoraInitialisation.Gaussian, c.Initialisation);
        Assert.Equal([3L, 9L], c.TrainableTokens![0].Value);
        Assert.Contains("\"deep\": [\n      1.50,\n      null", c.ToJsonText());
        Assert.True(JsonNode.DeepEquals(c.ToJson(), LoraConfig.FromJson(c.ToJson()).ToJson()));
        Assert.Equal("true", c.ToJson()["inference_mode"]!.ToJsonString());
        Assert.Equal("LORA", (string)c.ToJson()["peft_type"]!);
        Assert.Equal("0.0", new LoraConfig().ToJson()["lora_dropout"]!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"r": 0}""", "r: the rank must be positive (got 0)")]
    [InlineData("""{"r": 2.5}""", "r: a setting has the wrong kind of value (got 2.5); expected a whole number")]
    [InlineData("""{"lora_dropout": 1}""", "lora_dropout: the dropout must be a share (got 1)")]
    [InlineData("""{"layers_pattern": "layers"}""", "layers_pattern: layers_pattern needs layers_to_transform")]
    [InlineData("""{"target_modules": "all-linear", "layers_to_transform": 1}""", "layers_to_transform cannot be used with targets given as one text")]
    [InlineData("""{"target_modules": "all-linear", "layers_pattern": "h"}""", "layers_pattern cannot be used with targets given as one text")]
    [InlineData("""{"target_modules": "(q_proj"}""", "target_modules: the regular expression is malformed")]
    [InlineData("""{"rank_pattern": {"[": 2}}""", "rank_pattern: the regular expression is malformed")]
    [InlineData("""{"lora_bias": true, "use_dora": true}""", "a bias on B cannot be used with DoRA")]
    [InlineData("""{"lora_bias": true, "init_lora_weights": "gaussian"}""", "a bias on B needs the plain initialisation")]
    [InlineData("""{"init_lora_weights": "orthogonal", "r": 3}""", "the orthogonal initialisation needs even ranks (got 3)")]
    [InlineData("""{"init_lora_weights": "zeros"}""", "init_lora_weights: a setting has the wrong kind of value (got \"zeros\")")]
    [InlineData("""{"init_lora_weights": "pissa_niter_4"}""", "this initialisation cannot be done yet")]
    [InlineData("""{"init_lora_weights": "olora"}""", "this initialisation cannot be done yet")]
    [InlineData("""{"task_type": "causal_lm"}""", "task_type: there is no such task (got causal_lm); expected CAUSAL_LM, SEQ_CLS, SEQ_2_SEQ_LM, TOKEN_CLS, QUESTION_ANS, FEATURE_EXTRACTION, or null. Did you mean 'CAUSAL_LM'?")]
    [InlineData("""{"task_type": ""}""", "task_type: there is no such task (got )")]
    [InlineData("""{"bias": "some"}""", "expected one of none, lora_only, all")]
    [InlineData("""{"peft_type": "LOHA"}""", "this adapter method cannot be done yet (got \"LOHA\"); expected LoRA, DoRA")]
    [InlineData("""{"loftq_config": {"loftq_bits": 4}}""", "this says nothing without init_lora_weights: loftq")]
    [InlineData("""{"eva_config": {"rho": 2}}""", "EVA cannot be done yet")]
    [InlineData("""{"corda_config": {"a": 1}}""", "CorDA cannot be done yet")]
    [InlineData("""{"lora_ga_config": {"a": 1}}""", "LoRA-GA cannot be done yet")]
    [InlineData("""{"arrow_config": {"a": 1}}""", "Arrow routing cannot be done yet")]
    [InlineData("""{"kasa_config": {"a": 1}}""", "KaSA cannot be done yet")]
    [InlineData("""{"velora_config": {"a": 1}}""", "VeLoRA cannot be done yet")]
    [InlineData("""{"monteclora_config": {"a": 1}}""", "MonteCLoRA cannot be done yet")]
    [InlineData("""{"use_bdlora": true}""", "BD-LoRA cannot be done yet")]
    [InlineData("""{"megatron_config": {"a": 1}}""", "Megatron layers cannot be done yet")]
    [InlineData("""{"layer_replication": [[0, 2]]}""", "layer replication cannot be done yet")]
    [InlineData("""{"target_parameters": ["experts.w"]}""", "adapting bare parameters cannot be done yet")]
    [InlineData("""{"alora_invocation_tokens": [1]}""", "activated LoRA cannot be done yet")]
    [InlineData("""{"use_qalora": true}""", "QALoRA cannot be done yet")]
    [InlineData("""{"trainable_token_indices": [1, 1]}""", "a token id is given twice (got 1)")]
    public void Mistakes_are_refused_by_name(string json, string expected)
        => Assert.Contains(expected, Assert.Throws<BadInputException>(() => Read(json)).Message);

    [Fact]
    public void Settings_know_every_key_of_PEFT_and_no_other()
    {
        Assert.Equal(new LoraConfig().ToJson().Select(p => p.Key).Append("runtime_config").Order(), AdapterSection.Keys.Order());
        Assert.Equal(16, AdapterSection.Read([]).Rank);
        Assert.Equal(8, AdapterSection.Read(new LoraConfig { TargetModules = Selector.AllLinear }.ToJson()).Rank); // a whole adapter_config.json is a section too
        string message = Assert.Throws<BadInputException>(() => AdapterSection.Read(JsonNode.Parse("""{"rank": 4, "r": 0, "use_qalora": true, "lora_alpha": null}""")!.AsObject())).Message;
        Assert.All(new[] { "(4 mistakes)", "rank", "must be positive", "QALoRA", "a value is missing" }, part => Assert.Contains(part, message));
    }

    [Fact]
    public void All_mistakes_come_at_once()
    {
        string message = Assert.Throws<BadInputException>(() => Read("""{"r": 0, "lora_dropout": 2, "use_qalora": true}""")).Message;
        Assert.Contains("(3 mistakes)", message);
        Assert.All(new[] { "rank must be positive", "dropout must be a share", "QALoRA" }, part => Assert.Contains(part, message));
    }

    [Theory]
    [InlineData("model.layers.0.q_proj", 8, 4.0)]       // 32/8
    [InlineData("model.layers.1.mlp.up_proj", 2, 4.0)]  // 8/2
    [InlineData("model.layers.11.mlp.up_proj", 4, 2.0)] // the pattern's name must begin a part
    [InlineData("xq_proj", 4, 2.0)]
    public void Patterns_choose_rank_and_scale(string path, int rank, double scale)
    {
        var c = Read("""{"r": 4, "lora_alpha": 8, "rank_pattern": {"q_proj": 8, "layers.1.mlp.up_proj": 2, "layers.0.q_proj": 99}, "alpha_pattern": {"q_proj": 32}}""");
        Assert.Equal(rank, c.RankOf(path));
        Assert.Equal(scale, c.ScaleOf(path), 1e-12);
        Assert.Equal(8 / Math.Sqrt(4), (c with { UseRsLora = true }).ScaleOf("k_proj"), 1e-12);
    }
}

using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>How settings are given, what is refused, and what is said.</summary>
public class SettingsTests
{
    private static JsonObject Tree(params string[] assignments)
    {
        JsonObject tree = new() { ["model"] = "m", ["data"] = Write("rows.jsonl", "{}") };
        foreach (string assignment in assignments) SettingsBinder.Set(tree, assignment);
        return tree;
    }

    private static RunSettings Bound(params string[] assignments) => SettingsBinder.Bind(Tree(assignments));
    private static string Refused(params string[] assignments) => Assert.Throws<BadInputException>(() => Bound(assignments)).Message;

    [Fact]
    public void Settings_nested_without_end_are_refused_at_once()
    {
        string deep = new('[', 60_000);
        string error = Assert.Throws<BadInputException>(() => SettingsBinder.ReadYaml(Write("run.yaml", "data: " + deep + new string(']', 60_000)))).Message;
        Assert.Contains("run.yaml:1: the settings file is not valid YAML: ", error);
        Assert.Contains("nested more than 64 deep", error);
        Assert.Contains("run.yaml: the settings file is not valid YAML: ", Assert.Throws<BadInputException>(()
            => SettingsBinder.ReadYaml(Write("run.yaml", "model: a\n!!str model: b\n"))).Message);
        Assert.StartsWith("columns: a value of the wrong kind", Refused("columns=" + deep));
        Assert.Equal(64, SettingsBinder.ReadYaml(Write("run.yaml", "data: " + new string('[', 63) + new string(']', 63)))["data"]!.ToJsonString().Count(c => c == '[') + 1);
    }

    [Fact]
    public void Nothing_behind_a_key_is_refused_where_null_is_another_thing_than_the_default()
    {
        string Read(string text) => SettingsBinder.ReadYaml(Write("run.yaml", text)).ToJsonString();
        string error = Assert.Throws<BadInputException>(() => Read("model: m\nadapter:\n")).Message;
        Assert.Contains("run.yaml:2: nothing stands behind a setting (got adapter); expected a value, or null", error);
        Assert.Contains("Write `adapter: null`", error);
        Assert.Contains("--set adapter=: nothing stands behind", Refused("adapter="));
        Assert.Equal("""{"adapter":null,"eval_data":null}""", Read("adapter: null\neval_data:\n"));
    }

    [Fact]
    public void A_run_trains_a_language_model()
    {
        Assert.Contains("adapter: task_type: a run trains a language model (got SEQ_CLS); expected CAUSAL_LM", Refused("adapter.task_type=SEQ_CLS"));
        Assert.Null(Bound("adapter.task_type=null").NewAdapter()!.TaskType);
    }

    [Fact]
    public void Held_out_data_of_no_file_are_refused()
        => Assert.Contains("eval_data: it names no file (got an empty list)", Refused("eval_data=[]"));

    [Fact]
    public void A_section_given_in_part_has_the_same_defaults_whichever_way_it_comes()
    {
        string yaml = Write("run.yaml", $"model: m\ndata: {Write("rows.jsonl", "{}")}\nadapter: {{r: 4}}\n");
        LoraConfig[] ways = [SettingsBinder.Bind(SettingsBinder.ReadYaml(yaml)).NewAdapter()!, Bound("adapter.r=4").NewAdapter()!,
            Bound("adapter={r: 4}").NewAdapter()!, new RunSettings { Adapter = new() { ["r"] = 4 } }.NewAdapter()!];
        Assert.All(ways, c => Assert.Equal((4, 32.0, true), (c.Rank, c.Alpha, c.TargetModules!.IsAllLinear)));
        Assert.Equal(32, (int)SettingsBinder.ToTree(Bound("adapter.r=4"))["adapter"]!["lora_alpha"]!); // and run.yaml says it
        Assert.Null(Bound("adapter=null").NewAdapter());
        Assert.Equal(8, Bound("adapter=null", "adapter.r=8").NewAdapter()!.Rank);
    }

    [Theory]
    [InlineData("adapter.rank=4", "there is no such setting (got rank). Did you mean 'r'?")]
    [InlineData("adapter.alpha=4", "Did you mean 'lora_alpha'?")]
    [InlineData("adapter.dropout=0.1", "Did you mean 'lora_dropout'?")]
    [InlineData("adapter.target_module=[q_proj]", "Did you mean 'target_modules'")]
    [InlineData("adapter.use_rsLora=true", "Did you mean 'use_rslora'")]
    [InlineData("adapter.loftq_config={loftq_bit: 4}", "Did you mean 'loftq_bits'")]
    [InlineData("adapter.qalora_group_size=32", "adapter: qalora_group_size: this cannot be done")]
    [InlineData("adapter.megatron_core=other", "expected \"megatron.core\"")]
    [InlineData("adapter.runtime_config={ephemeral_gpu_offload: true}", "runtime_config: this cannot be done")]
    [InlineData("adapter.eva_config={rho: 2}", "EVA cannot be done yet")]
    [InlineData("adapter.r=null", "adapter: r: a value is missing")]
    [InlineData("adapter.r=4.5", "expected a whole number")]
    [InlineData("adapter.r=true", "expected a whole number")]
    [InlineData("adapter.r=1e10", "expected a whole number")]
    [InlineData("adapter.r=sixteen", "expected a whole number")]
    [InlineData("per_device_train_batch_size=4", "Did you mean 'batch_size'?")]
    [InlineData("lr=1e-3", "Did you mean 'learning_rate'?")]
    [InlineData("num_epochs=2", "Did you mean 'num_train_epochs'?")]
    [InlineData("max_seq_length=64", "Did you mean 'max_length'?")]
    [InlineData("output_dir=x", "Give it as the option --output.")]
    [InlineData("bf16=true", "Did you mean 'dtype'?")]
    [InlineData("r=4", "Did you mean 'adapter.r'?")]
    [InlineData("lora_alpha=4", "Did you mean 'adapter.lora_alpha'?")]
    [InlineData("use_dora=true", "Did you mean 'adapter.use_dora'?")]
    [InlineData("learning_rat=1", "Did you mean 'learning_rate'?")]
    [InlineData("packin=3", "there is no such setting (got packin)")] // no hint: packing is a switch
    [InlineData("optim_args={betas: {a: 1}}", "optim_args.betas: an option has a wrong value (got {\"a\":1}); expected two numbers")]
    [InlineData("optim_args={betas: [0.9]}", "(got [0.9])")]
    [InlineData("optim_args={eps: [1, 2]}", "optim_args.eps: an option has a wrong value (got [1, 2]); expected a number")]
    [InlineData("optim_args={eps: true}", "(got true)")]
    [InlineData("lr_scheduler_kwargs={num_cycles: [1]}", "lr_scheduler_kwargs.num_cycles: an option has a wrong value (got [1])")]
    [InlineData("columns={promt: q}", "there is no such column of a format (got promt)")]
    [InlineData("data=[{path: x, wieght: 2}]", "'weight'")]
    public void What_is_wrong_is_named_with_what_is_meant(string assignment, string expected)
        => Assert.Contains(expected, Refused(assignment));

    [Fact]
    public void A_hint_names_no_setting_of_another_kind()
    {
        Assert.DoesNotContain("memory", Refused("r=4"));
        Assert.DoesNotContain("Did you mean", Refused("packin=3"));
        Assert.Empty(NearNames.Of("r", ["memory", "learning_rate"]));
        Assert.Equal(["batch_size"], NearNames.Of("per_device_batch_size", ["batch_size", "memory"]));
    }

    [Fact]
    public void All_mistakes_of_all_sections_come_at_once()
    {
        string message = Refused("adapter.rank=4", "adapter.lora_dropout=2", "lr=1", "optim_args={beta: 1}", "lr_scheduler_kwargs={x: 1}");
        Assert.Contains("(5 mistakes)", message);
        Assert.Equal(6, message.Split('\n').Length);
    }

    [Theory]
    [InlineData("optim=lion", "adam_beta1=0.8", "lion does not use it")]
    [InlineData("optim_args={betas: [0.8, 0.9]}", "adam_beta2=0.9", "optim_args.betas says it too")]
    [InlineData("loraplus_lr_embedding=1e-4", "seed=1", "set loraplus_lr_ratio")]
    [InlineData("save_dtype=float32", "seed=1", "an adapter is written in float32")]
    [InlineData("early_stopping_threshold=0.1", "seed=1", "early_stopping_patience")]
    [InlineData("packing=true", "padding_free=true", "packed sequences lie end to end already")]
    [InlineData("assistant_turns=last", "train_on_inputs=true", "learns all turns")]
    [InlineData("optim=sgd", "optim_args={dampening: 0.5}", "Give momentum as well")]
    [InlineData("optim=adafactor", "optim_args={eps: [1e-30, 1e-2]}", "scale_parameter: true")]
    [InlineData("lr_scheduler_type=cosine_warmup_with_min_lr", "lr_scheduler_kwargs={min_lr: 1e-5, warmup_lr_rate: 0.5}",
        "there is no warm-up")]
    [InlineData("assistant_only_loss=true", "train_on_inputs=true", "contradict each other")]
    [InlineData("assistant_only_loss=1", "seed=1", "assistant_only_loss: a value of the wrong kind")]
    public void A_setting_that_another_one_leaves_without_effect_is_refused(string one, string other, string expected)
        => Assert.Contains(expected, Refused(one, other), StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void The_old_name_of_train_on_inputs_means_its_opposite()
    {
        Assert.True(Bound("assistant_only_loss=false").TrainOnInputs);
        Assert.False(Bound("assistant_only_loss=true").TrainOnInputs);
        Assert.True(Bound("assistant_only_loss=false", "train_on_inputs=true").TrainOnInputs);
        Assert.Contains("assistant_only_loss", RunNotices.Of(Bound("assistant_only_loss=false"), null).Single());
    }

    [Theory]
    [InlineData("""{"prompt": "ab", "completion": "c"}""", 3, 5)] // the blank between, c and the end; the first token is never a target
    [InlineData("""{"instruction": "ab", "output": "c"}""", 2, 6)]
    [InlineData("""{"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}""", 2, 6)]
    [InlineData("""{"conversations": [{"from": "human", "value": "ab"}, {"from": "gpt", "value": "c"}]}""", 2, 6)]
    [InlineData("""{"prompt": [{"role": "user", "content": "ab"}], "completion": [{"role": "assistant", "content": "c"}]}""", 2, 6)]
    [InlineData("""{"text": "abc"}""", 4, 4)]
    public void Prompts_are_learnt_in_every_format_where_that_is_asked(string json, int answers, int all)
    {
        int Targets(bool inputs) => RowSet.Load(new DataOptions(Write("rows.jsonl", json)) { TrainOnInputs = inputs }, 1 << 16,
            Letters).Rows[0].TargetCount;
        Assert.Equal((answers, all), (Targets(false), Targets(true)));
    }

    [Fact]
    public void Lists_of_optimizer_options_are_used()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        float After(string? arguments)
        {
            var p = TorchSharp.torch.ones(1).requires_grad_(true);
            using var optimizer = OptimizerFactory.Create(arguments is null ? Bound() : Bound("optim_args=" + arguments),
                [new TrainedTensor("a", p)]);
            foreach (float gradient in (float[])[1, 3])
            {
                p.grad = TorchSharp.torch.tensor(new[] { gradient });
                optimizer.Step(0.1);
            }
            return p.item<float>();
        }
        Assert.Equal(0.8f, After("{betas: [0, 0]}"), 1e-6f); // each step is the gradient's sign
        Assert.Equal(After("{betas: \"(0, 0)\"}"), After("{betas: [0, 0]}"));
        Assert.NotEqual(After(null), After("{betas: [0, 0]}"));
        Assert.Equal(After(null), After("{betas: null}"));
    }

    [Fact]
    public void An_initial_adapter_keeps_its_own_configuration()
    {
        string folder = Path.Combine(Paths.Temporary(), "a");
        using (var model = ModelLoader.Load(Paths.Golden("models/llama")))
        {
            var host = AdapterHost.Attach(model);
            host.Add("a", new LoraConfig { Rank = 4, Alpha = 8, TargetModules = Selector.Of("q_proj") }, 1).Save(folder);
            host.Detach();
        }
        string init = "init_adapter=" + folder;
        Assert.Contains("adapter: r: the adapter to start from has its own (got 64); expected 4", Refused(init, "adapter.r=64"));
        Assert.Contains("lora_alpha", Refused(init, "adapter={lora_alpha: 16, r: 4}"));
        Assert.Contains("Did you mean 'r'", Refused(init, "adapter.rank=4"));
        Assert.Contains("all weights", Refused(init, "adapter=null"));
        var settings = Bound(init, "adapter.r=4", "adapter.target_modules=[q_proj]", "adapter.lora_alpha=8.0");
        var tree = SettingsBinder.ToTree(settings);
        Assert.Equal(("4", "8"), (tree["adapter"]!["r"]!.ToString(), tree["adapter"]!["lora_alpha"]!.ToString())); // the truth, though the default would be 16 and 32
        Assert.Equal(4, (int)SettingsBinder.ToTree(Bound(init))["adapter"]!["r"]!);
        Assert.True(JsonNode.DeepEquals(tree, SettingsBinder.ToTree(SettingsBinder.Bind(tree)))); // as a resumed run reads it
    }

    [Theory]
    [InlineData("lr_scheduler_type=constant;warmup_steps=10", "constant_with_warmup")]
    [InlineData("warmup_steps=100", "never comes to learning_rate")]
    [InlineData("warmup_steps=5;warmup_ratio=0.5", "warmup_ratio (0.5) is not used")]
    [InlineData("max_steps=20;num_train_epochs=3", "num_train_epochs (3) is not used")]
    [InlineData("learning_rate=0", "nothing is learnt")]
    [InlineData("adapter.lora_alpha=0", "lora_alpha is 0")]
    [InlineData("adapter.lora_alpha=-8", "lora_alpha is -8, below 0")]
    [InlineData("adapter.alpha_pattern={q_proj: 0}", "alpha_pattern.q_proj is 0")]
    [InlineData("eval_steps=30", "eval_steps (30) is beyond the run's 20 steps")]
    [InlineData("eval_steps=5;early_stopping_patience=3", "could stop after step 20 at the earliest")]
    [InlineData("eval_steps=5;early_stopping_patience=2", null)]
    [InlineData("warmup_ratio=0.1", null)]
    public void What_has_no_effect_is_said(string assignments, string? expected)
    {
        var settings = Bound([.. assignments.Split(';'), .. assignments.Contains("eval")
            ? new[] { "eval_data=" + Write("eval.jsonl", "{}") } : []]);
        var said = RunNotices.Of(settings, 20);
        if (expected is null) Assert.Empty(said);
        else Assert.Contains(expected, Assert.Single(said));
    }

    [Fact]
    public void Settings_files_are_UTF8_and_one_document()
    {
        string At(string name, byte[] bytes)
        {
            string path = Path.Combine(Paths.Temporary(), name);
            File.WriteAllBytes(path, bytes);
            return path;
        }
        string Message(string text) => Assert.Throws<BadInputException>(()
            => SettingsBinder.ReadYaml(At("run.yaml", System.Text.Encoding.Latin1.GetBytes(text)))).Message;
        Assert.Equal(["model"], SettingsBinder.ReadYaml(At("bom.yaml", [0xEF, 0xBB, 0xBF, .. "model: m\r\n"u8])).Select(p => p.Key));
        Assert.Contains("run.yaml:2: the settings file is not UTF-8", Message("model: m\n# caf\u00E9\n"));
        Assert.Contains("run.yaml:3", Message("model: m\nadapter:\n\tr: 4\n"));
        Assert.Contains("Duplicate key seed", Message("seed: 1\nseed: 2\n"));
        Assert.Contains("run.yaml:3: the settings file holds several documents", Message("model: m\n---\ndata: d\n"));
        Assert.Contains("tags are not known", Message("seed: !!int 3\n"));
        Assert.Equal("3", (string?)SettingsBinder.ReadYaml(At("t.yaml", [.. "model: !!str 3\n"u8]))["model"]);
    }

    [Fact]
    public void Every_number_that_a_schedule_needs_can_be_set()
        => Assert.Equal("5", Bound("lr_scheduler_type=warmup_stable_decay",
            "lr_scheduler_kwargs={num_decay_steps: 5}").LrSchedulerKwargs!["num_decay_steps"]!.ToString());

    [Fact]
    public void AFileGivenTwiceAndMissingShardsAreRefused()
    {
        string folder = Directory.CreateTempSubdirectory().FullName, file = Path.Combine(folder, "train-00000-of-00003.jsonl");
        File.WriteAllText(file, "{\"text\": \"a\"}\n");
        var twice = new DataSources(new DataSource(file), new DataSource(Path.Combine(folder, ".", "train-00000-of-00003.jsonl")));
        foreach (var settings in new[] { new RunSettings { Data = twice }, new RunSettings { EvalData = twice } })
            Assert.Contains("a data file is given twice", Assert.Throws<BadInputException>(() => SettingsBinder.Check(settings)).Message);
        string missing = Assert.Throws<BadInputException>(() => SettingsBinder.Check(new RunSettings { Data = folder })).Message;
        Assert.Contains("train-00001-of-00003, train-00002-of-00003", missing);
        Assert.Equal([$"{file}: 1 of 3 shards by its name; the others are not among the data"], new DataSources(new DataSource(file)).Notes);
        Directory.Delete(folder, true);
    }

    [Fact]
    public void DataGivenWronglyAreNotToldOfAsMissing()
    {
        var tree = new JsonObject { ["model"] = "m" };
        SettingsBinder.Set(tree, "data=[{path: rows.jsonl, weight: 0}]");
        string told = Assert.Throws<BadInputException>(() => SettingsBinder.Bind(tree)).Message;
        Assert.Contains("above 0, at most 1000", told);
        Assert.DoesNotContain("a setting is missing", told);
    }

    [Fact]
    public void EveryKeyOfASourceThatIsWrongIsTold()
    {
        var tree = new JsonObject { ["model"] = "m" };
        SettingsBinder.Set(tree, "data=[{path: rows.jsonl, weight: -1, x: 3}, {weigth: 2}]");
        string told = Assert.Throws<BadInputException>(() => SettingsBinder.Bind(tree)).Message;
        Assert.Contains("data: there is no such setting (got x)", told);
        Assert.Contains("data: weight: a value out of range (got -1); expected above 0, at most 1000", told);
        Assert.Contains("(got weigth); expected a path, or a list of paths and of {path: FILE, weight: NUMBER}. Did you mean 'weight'?", told);
        Assert.Contains("data: a value of the wrong kind (got {\"weigth\":2})", told);
    }

    [Theory]
    [InlineData("seed=1", "seed=2", "1", """{"seed":2}""")]
    [InlineData("seed=null", "seed=2", "null", """{"seed":2}""")]
    [InlineData("adapter.r=4", "adapter.r=8", "4", """{"adapter":{"r":8}}""")]
    [InlineData("adapter.r=4", "adapter.bias=all", null, """{"adapter":{"r":4,"bias":"all"}}""")]
    [InlineData("adapter.r=4", "adapter={lora_alpha: 8}", """{"r":4}""", """{"adapter":{"lora_alpha":8}}""")]
    [InlineData("adapter={r: 4}", "adapter.r=8", "4", """{"adapter":{"r":8}}""")]
    [InlineData("adapter=null", "adapter.r=8", "null", """{"adapter":{"r":8}}""")]
    [InlineData("adapter.r=4", "adapter=null", """{"r":4}""", """{"adapter":null}""")]
    public void ALaterAssignmentCountsAndTellsWhatItReplaces(string first, string second, string? replaced, string left)
    {
        JsonObject tree = [];
        Assert.Null(SettingsBinder.Set(tree, first));
        Assert.Equal(replaced, SettingsBinder.Set(tree, second));
        Assert.Equal(left, tree.ToJsonString());
    }

    [Fact]
    public void AValueIsNoSection()
    {
        JsonObject tree = new() { ["adapter"] = "LORA", ["seed"] = 1 };
        string told = Assert.Throws<BadInputException>(() => SettingsBinder.Set(tree, "adapter.r=4")).Message;
        Assert.StartsWith("adapter: a setting is given as a value and as a section (got \"LORA\" and adapter.r=4)", told);
        Assert.Throws<BadInputException>(() => SettingsBinder.Set(tree, "seed.a=1"));
        Assert.Equal("""{"adapter":"LORA","seed":1}""", tree.ToJsonString());
    }
}

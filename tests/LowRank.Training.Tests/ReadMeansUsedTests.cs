using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;
using static TorchSharp.torch;

namespace LowRank.Training.Tests;

/// <summary>
/// ADR 0031: whatever reads what a user made knows each key as used, harmless by name, or refused. Every reader of settings is a row
/// here: a key that nobody knows is refused by it, and each key it knows, changed, is refused or changes what comes of it. A key without
/// a row fails the test.
/// </summary>
public class ReadMeansUsedTests
{
    private const string Nobody = "nobody_knows_this";

    /// <summary>A reader: what comes of a section, as a text; its keys; a section; and for each key a value that it is changed to there
    /// (after the bar: another section to change it in).</summary>
    private sealed record Reader(string Name, Func<JsonObject, string> Outcome, Func<IEnumerable<string>> Keys, string Base,
        Dictionary<string, string> Changes)
    {
        /// <summary>The keys whose change is refused.</summary>
        public string[] Refused { get; init; } = [];
        /// <summary>The keys that change nothing, and may be there.</summary>
        public string[] Harmless { get; init; } = [];
    }

    public static TheoryData<string> Names => [.. Table().Select(r => r.Name)];

    [Theory, MemberData(nameof(Names))]
    public void A_key_that_nobody_knows_is_refused(string name)
    {
        var reader = Table().Single(r => r.Name == name);
        var section = Section(reader.Base);
        section[Nobody] = 1;
        Assert.Contains(Nobody, Assert.Throws<BadInputException>(() => reader.Outcome(section)).Message);
    }

    [Theory, MemberData(nameof(Names))]
    public void Each_key_changes_what_comes_of_it_or_is_refused(string name)
    {
        var reader = Table().Single(r => r.Name == name);
        string[] keys = [.. reader.Keys()];
        Assert.Equal([], keys.Except(reader.Changes.Keys).Except(reader.Harmless)); // each has its row
        Assert.Equal([], reader.Changes.Keys.Concat(reader.Harmless).Except(keys)); // and no row is left of one that is gone
        foreach (var (key, change) in reader.Changes)
        {
            string[] parts = change.Split(" | ");
            var section = Section(parts.Length > 1 ? parts[1] : reader.Base);
            string before = reader.Outcome((JsonObject)section.DeepClone());
            section[key] = Section("value: " + parts[0])["value"]!.DeepClone();
            if (reader.Refused.Contains(key)) Assert.Contains(key, Assert.Throws<BadInputException>(() => reader.Outcome(section)).Message);
            else Assert.True(before != reader.Outcome(section), $"{name}: {key} is read and not used: {before}");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_value_of_no_sensible_kind_is_refused(string name)
    {
        var reader = Table().Single(r => r.Name == name);
        foreach (string key in reader.Keys().Except(reader.Harmless))
            foreach (string value in (string[])["{\"a\": {\"b\": 1}}", "[[[1]]]"])
            {
                var section = Section(reader.Base);
                section[key] = JsonNode.Parse(value);
                string message = Assert.Throws<BadInputException>(() => reader.Outcome(section)).Message;
                Assert.True(message.Contains(key, StringComparison.Ordinal), $"{key} = {value}: {message}");
            }
    }

    private static JsonObject Section(string yaml)
    {
        JsonObject tree = [];
        SettingsBinder.Set(tree, "x={" + yaml + "}");
        return (JsonObject)tree["x"]!.DeepClone();
    }

    private static Dictionary<string, string> Rows(params (string Key, string Change)[] rows)
        => rows.ToDictionary(r => r.Key, r => r.Change);

    private static List<Reader> Table() =>
    [
        // the optimisers' options
        Optimiser("adamw", "", ("betas", "[0.5, 0.9]"), ("eps", "1")),
        Optimiser("sgd", "momentum: 0.9", ("momentum", "0.5"), ("dampening", "0.5"), ("nesterov", "true")),
        Optimiser("lion", "", ("betas", "[0.999, 0.5]")),
        Optimiser("adafactor", "", ("eps", "[1, 1e-3]"), ("clip_threshold", "0.1"), ("decay_rate", "-0.1"), ("beta1", "0.9"),
            ("scale_parameter", "true"), ("relative_step", "true"), ("warmup_init", "true | relative_step: true")),
        // the schedules'
        Schedule("linear", ""),
        Schedule("constant", ""),
        Schedule("constant_with_warmup", ""),
        Schedule("cosine", "", ("num_cycles", "1.5")),
        Schedule("cosine_with_restarts", "", ("num_cycles", "3")),
        Schedule("polynomial", "", ("lr_end", "1e-3"), ("power", "2")),
        Schedule("inverse_sqrt", "", ("timescale", "50")),
        Schedule("cosine_with_min_lr", "min_lr: 1e-3", ("min_lr", "2e-3"), ("min_lr_rate", "0.5 | min_lr_rate: 0.1"),
            ("num_cycles", "1.5")),
        Schedule("cosine_warmup_with_min_lr", "min_lr: 1e-3", ("min_lr", "2e-3"), ("min_lr_rate", "0.5 | min_lr_rate: 0.1"),
            ("num_cycles", "1.5"), ("warmup_lr_rate", "0.5")),
        Schedule("warmup_stable_decay", "num_decay_steps: 6", ("num_decay_steps", "8"), ("num_stable_steps", "3"),
            ("warmup_type", "cosine"), ("decay_type", "linear"), ("min_lr_ratio", "0.1"), ("num_cycles", "1.5")),
        Schedule("reduce_lr_on_plateau", "patience: 0", ("mode", "max"), ("threshold", "0.5"),
            ("threshold_mode", "abs | patience: 0, threshold: 0.5"), ("factor", "0.5"), ("min_lr", "5e-3"), ("eps", "1"), ("patience", "1"),
            ("cooldown", "2")),
        Schedule("greedy", "patience: 0", ("mode", "max"), ("threshold", "0.5"), ("threshold_mode", "rel | patience: 0, threshold: 0.5"),
            ("factor", "0.5"), ("min_lr", "9.9e-3"), ("max_lr", "1e-2"), ("eps", "1"), ("patience", "1"), ("cooldown", "2"),
            ("warmup", "2"), ("smooth", "true"), ("window_size", "2 | patience: 0, smooth: true"),
            ("reset_start", "0 | patience: 0, min_lr: 1e-2, max_lr: 1, factor: 0.5")) with { Harmless = ["verbose"] },
        // the section adapter, on a model with biases
        new("adapter", Adapted, () => AdapterSection.Keys, "r: 2, target_modules: [c_attn, c_proj]", Rows(("peft_type", "LOHA"), ("r", "3"),
            ("lora_alpha", "4"), ("lora_dropout", "0.5"), ("target_modules", "[c_attn]"), ("exclude_modules", "[h.0.attn.c_attn]"),
            ("layers_to_transform", "[1]"), ("layers_pattern", "x | r: 2, target_modules: [c_attn], layers_to_transform: [1]"),
            ("rank_pattern", "{c_attn: 4}"), ("alpha_pattern", "{c_attn: 4}"), ("use_rslora", "true"), ("use_dora", "true"),
            ("bias", "lora_only"), ("lora_bias", "true"), ("modules_to_save", "[ln_f]"), ("trainable_token_indices", "[1, 2]"),
            ("ensure_weight_tying", "true | r: 2, target_modules: [wte]"), ("init_lora_weights", "false"),
            ("loftq_config", "{loftq_bits: 4, loftq_iter: 3} | r: 2, target_modules: [c_attn], init_lora_weights: loftq"),
            ("task_type", "SEQ_CLS"), ("base_model_name_or_path", "x"), ("revision", "x"),
            ("auto_mapping", "{a: b}"), ("megatron_core", "x"), ("qalora_group_size", "8"), ("runtime_config", "{a: 1}"),
            ("eva_config", "{rho: 2}"), ("corda_config", "{a: 1}"), ("lora_ga_config", "{a: 1}"), ("arrow_config", "{a: 1}"),
            ("kasa_config", "{a: 1}"), ("velora_config", "{a: 1}"), ("monteclora_config", "{a: 1}"), ("use_bdlora", "true"),
            ("megatron_config", "{a: 1}"), ("layer_replication", "[[0, 1]]"), ("target_parameters", "[a]"),
            ("alora_invocation_tokens", "[1]"), ("use_qalora", "true")))
        {
            Refused = ["peft_type", "layers_pattern", "auto_mapping", "megatron_core", "qalora_group_size", "runtime_config", "eva_config",
                "corda_config", "lora_ga_config", "arrow_config", "kasa_config", "velora_config", "monteclora_config", "use_bdlora",
                "megatron_config", "layer_replication", "target_parameters", "alora_invocation_tokens", "use_qalora"],
            Harmless = ["inference_mode", "peft_version", "fan_in_fan_out"],
        },
        // where rows come from
        new("data source", s => string.Join(' ', RowSet.Load(new DataOptions(DataSources.FromJson(s, "data")), 1 << 16,
            Letters).Rows.Select(r => r.InputIds.Length)), () => ["path", "weight"], $"path: {Long}", Rows(("path", Short),
            ("weight", "2"))),
        new("columns", Loaded, () => ["prompt", "completion"], "prompt: q, completion: a", Rows(("prompt", "b"), ("completion", "b"))),
    ];

    private static readonly string Long = Write("long.jsonl", "{\"text\": \"abcdef\"}\n{\"text\": \"abc\"}\n"),
        Short = Write("short.jsonl", "{\"text\": \"a\"}\n"),
        Renamed = Write("renamed.jsonl", "{\"q\": \"x\", \"a\": \"yy\", \"b\": \"zzz\"}\n");

    /// <summary>Parameters after some steps.</summary>
    private static Reader Optimiser(string name, string standard, params (string, string)[] changes)
        => new("optim_args of " + name, section =>
    {
        using var scope = NewDisposeScope();
        var p = tensor(new float[] { 1, -2, 3, 4 }).reshape(2, 2).requires_grad_(true);
        using var optimizer = OptimizerFactory.Create(new RunSettings { Optim = name, OptimArgs = section }, [new TrainedTensor("a", p)]);
        for (int step = 1; step <= 4; step++)
        {
            float sign = step % 2 == 0 ? -1 : 1;
            p.grad = tensor(new float[] { sign * 0.5f, sign * step, -sign, sign * 0.1f * step * step }).reshape(2, 2);
            optimizer.Step(0.05);
        }
        return string.Join(' ', p.data<float>().ToArray());
    }, () => Known(options => OptimizerTable.Create(name, [new ParameterGroup("a", [zeros(1).requires_grad_(true)])], options).Dispose()),
        standard, Rows(changes));

    /// <summary>The rates of a run of 20 steps, its evaluations getting better and worse.</summary>
    private static Reader Schedule(string name, string standard, params (string, string)[] changes)
        => new("lr_scheduler_kwargs of " + name, section =>
    {
        var schedule = LowRank.Training.Schedule.Create(name, 1e-2, 4, 20, section.ToOptions());
        double[] losses = [5, 4, 4, 4.5, 3.6, 3.6, 3.6, 3.6, 3.2, 3.1, 3, 2.9, 2.9, 2.9, 2.9, 2.9, 2.9, 3, 2, 1];
        return string.Join(' ', Enumerable.Range(0, 20).Select(step =>
        {
            double rate = schedule.Rate(step);
            schedule.Observe(losses[step]);
            return rate.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        }));
    }, () => Known(options => LowRank.Training.Schedule.Create(name, 1e-2, 4, 20, options)), standard, Rows(changes));

    /// <summary>The options that a reader of options knows, as its own error tells them.</summary>
    private static IEnumerable<string> Known(Action<Dictionary<string, object?>> read)
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<BadInputException>(() => read(new() { [Nobody] = 1 })).Parts.Single(e => e.Value == Nobody);
        return error.Expected!.StartsWith("one of ", StringComparison.Ordinal) ? error.Expected["one of ".Length..].Split(", ") : [];
    }

    /// <summary>What training does with an adapter's section: names, values, what a forward pass gives, and what is written beside the
    /// weights.</summary>
    private static string Adapted(JsonObject section)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        string? quantize = section["init_lora_weights"]?.ToString() == "loftq" ? "nf4" : null; // which it needs
        using var model = ModelLoader.Load(Paths.Golden("models/gpt2"), quantize: quantize);
        var host = AdapterHost.Attach(model);
        try
        {
            var adapter = RunAdapter.Make(host, model, new RunSettings { Adapter = section });
            foreach (var (p, i) in adapter.Parameters.Select((p, i) => (p.Parameter, i))) // else B is 0, and much has no effect yet
                Ops.AddScaledInPlace(p, linspace(-0.1 - 0.01 * i, 0.1, p.NumberOfElements).reshape(p.shape), 1);
            adapter.SetTraining(true);
            float[] numbers = model.Logits(model.Hidden(tensor(new long[] { 1, 2, 3 }).reshape(1, 3), null)).data<float>().ToArray();
            string logits = string.Join(' ', numbers);
            var config = adapter.Config;
            return string.Join(' ', [.. adapter.Parameters.Select(p => p.Key + string.Join('x', p.Parameter.shape)), logits,
                config.TaskType ?? "", config.BaseModel ?? "", config.Revision ?? ""]);
        }
        finally { host.Detach(); }
    }

    private static string Loaded(JsonObject columns)
    {
        string[] unused = [.. new[] { "q", "a", "b" }.Except(columns.Select(c => c.Value).OfType<JsonValue>().Select(c => c.ToString()))];
        var tree = new JsonObject { ["model"] = "m", ["data"] = Renamed, ["columns"] = columns.DeepClone(),
            ["ignore_columns"] = new JsonArray([.. unused.Select(c => (JsonNode)c)]) };
        return string.Join(' ', RowSet.Load(SettingsBinder.Bind(tree).DataOptions(), 1 << 16,
            Letters).Rows.Select(r => $"{string.Join(',', r.InputIds)}:{r.TargetCount}"));
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank;

public sealed partial record LoraConfig
{
    /// <summary>The version of PEFT whose file format is written.</summary>
    public const string FormatVersion = "0.21.2";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads `adapter_config.json`, which lies beside finished weights: what only says how those began is passed over, as PEFT does.</summary>
    /// <exception cref="BadInputException">It is absent, no JSON, or says what cannot be; all mistakes at once.</exception>
    public static LoraConfig FromFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!File.Exists(path)) throw new BadInputException("the adapter's configuration is missing", place: path, expected: "adapter_config.json as PEFT writes it");
        var json = JsonFile.ReadObject(path);
        return NotAnAdapter.Mlx(path, json) is { } other ? throw other : Read(json, path, trained: true);
    }

    /// <summary>Reads a configuration with PEFT's keys; absent keys have PEFT's defaults.</summary>
    /// <param name="json">The object.</param>
    /// <param name="place">Where it stands, for messages.</param>
    /// <exception cref="BadInputException">All mistakes at once, each with its key, value and remedy.</exception>
    public static LoraConfig FromJson(JsonObject json, string place = "adapter") => Read(json, place, trained: false);

    private static LoraConfig Read(JsonObject json, string place, bool trained)
    {
        ArgumentNullException.ThrowIfNull(json);
        var read = new ConfigReader(json, place, trained);
        LoraConfig config = new()
        {
            Rank = read.Whole("r", 8),
            Alpha = read.Number("lora_alpha", 8),
            Dropout = read.Number("lora_dropout", 0),
            TargetModules = read.Selector("target_modules"),
            ExcludeModules = read.Selector("exclude_modules"),
            LayersToTransform = read.WholesOrNone("layers_to_transform"),
            LayersPattern = read.StringsOrNone("layers_pattern"),
            RankPattern = read.Patterns("rank_pattern", v => read.AsWhole("rank_pattern", v)),
            AlphaPattern = read.Patterns("alpha_pattern", v => read.AsNumber("alpha_pattern", v)),
            UseRsLora = read.Flag("use_rslora"),
            UseDora = read.Flag("use_dora"),
            Bias = read.Choice("bias", BiasTraining.None, ("none", BiasTraining.None), ("lora_only", BiasTraining.LoraOnly), ("all", BiasTraining.All)),
            LoraBias = read.Flag("lora_bias"),
            ModulesToSave = read.Strings("modules_to_save"),
            TrainableTokens = read.Tokens("trainable_token_indices"),
            EnsureWeightTying = read.Flag("ensure_weight_tying"),
            FanInFanOut = read.Flag("fan_in_fan_out"),
            Initialisation = read.Initialisation("init_lora_weights"),
            TaskType = read.Text("task_type"),
            BaseModel = read.Text("base_model_name_or_path"),
            Revision = read.Text("revision"),
        };
        if (trained && config.Initialisation != LoraInitialisation.LoftQ) read.PassOver("loftq_config");
        else if (read.Section("loftq_config", "loftq_bits", "loftq_iter") is { } loftq)
        {
            config = config with { LoftqBits = loftq["loftq_bits"] is { } bits ? read.AsWhole("loftq_config", bits) : 4, LoftqIterations = loftq["loftq_iter"] is { } times ? read.AsWhole("loftq_config", times) : 1 };
            if (config.Initialisation != LoraInitialisation.LoftQ) read.Errors.Add(new BadInputException("this says nothing without init_lora_weights: loftq", loftq.ToJsonString(), $"{place}: loftq_config", remedy: "Leave it out, or set init_lora_weights: loftq."));
        }
        read.RefuseOtherMethods();
        config = config with { Others = read.Rest() };
        read.Errors.AddRange(LoraConfigRules.Check(config, place));
        if (read.Errors.Count > 0) throw BadInputException.All("the adapter's settings cannot be used", read.Errors, read.Errors.Count == 1 ? null : place);
        return config;
    }

    /// <summary>Checks a configuration made in code; <see cref="FromJson"/> has done so already.</summary>
    /// <exception cref="BadInputException">All mistakes at once.</exception>
    public void Validate(string place = "adapter")
    {
        ArgumentNullException.ThrowIfNull(place);
        var errors = LoraConfigRules.Check(this, place).ToList();
        if (errors.Count > 0) throw BadInputException.All("the adapter's settings cannot be used", errors, errors.Count == 1 ? null : place);
    }

    /// <summary>The object that PEFT writes: all its keys, sorted, `inference_mode` true.</summary>
    public JsonObject ToJson()
    {
        SortedDictionary<string, JsonNode?> all = new(StringComparer.Ordinal)
        {
            ["alora_invocation_tokens"] = null, ["arrow_config"] = null, ["auto_mapping"] = null, ["corda_config"] = null, ["eva_config"] = null, ["kasa_config"] = null,
            ["layer_replication"] = null, ["loftq_config"] = Initialisation == LoraInitialisation.LoftQ ? new JsonObject { ["loftq_bits"] = LoftqBits, ["loftq_iter"] = LoftqIterations } : new JsonObject(), ["lora_ga_config"] = null, ["megatron_config"] = null, ["megatron_core"] = "megatron.core",
            ["monteclora_config"] = null, ["peft_version"] = FormatVersion, ["qalora_group_size"] = 16, ["target_parameters"] = null, ["use_bdlora"] = null,
            ["use_qalora"] = false, ["velora_config"] = null,
        };
        foreach (var (key, value) in Others) all[key] = value?.DeepClone();
        all["peft_type"] = "LORA";
        all["inference_mode"] = true;
        all["r"] = Rank;
        all["lora_alpha"] = Number(Alpha);
        all["lora_dropout"] = Real(Dropout);
        all["target_modules"] = Node(TargetModules);
        all["exclude_modules"] = Node(ExcludeModules);
        all["layers_to_transform"] = LayersToTransform is null ? null : List(LayersToTransform);
        all["layers_pattern"] = LayersPattern is null ? null : LayersPattern.Count == 1 ? LayersPattern[0] : List(LayersPattern);
        all["rank_pattern"] = new JsonObject(RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value)));
        all["alpha_pattern"] = new JsonObject(AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Number(p.Value))));
        all["use_rslora"] = UseRsLora;
        all["use_dora"] = UseDora;
        all["bias"] = Bias switch { BiasTraining.All => "all", BiasTraining.LoraOnly => "lora_only", _ => "none" };
        all["lora_bias"] = LoraBias;
        all["modules_to_save"] = ModulesToSave is null ? null : List(ModulesToSave);
        all["trainable_token_indices"] = TokensNode();
        all["ensure_weight_tying"] = EnsureWeightTying;
        all["fan_in_fan_out"] = FanInFanOut;
        all["init_lora_weights"] = Initialisation switch { LoraInitialisation.None => false, LoraInitialisation.Gaussian => "gaussian", LoraInitialisation.Orthogonal => "orthogonal", LoraInitialisation.LoftQ => "loftq", _ => true };
        all["task_type"] = TaskType;
        all["base_model_name_or_path"] = BaseModel;
        all["revision"] = Revision;
        return new JsonObject(all);
    }

    /// <summary>The text of <see cref="ToJson"/>, indented by 2.</summary>
    public string ToJsonText() => ToJson().ToJsonString(Indented);

    private JsonNode? TokensNode()
        => TrainableTokens is null ? null
            : TrainableTokens is [{ Key: "" } only] ? List(only.Value)
            : new JsonObject(TrainableTokens.Select(t => KeyValuePair.Create(t.Key, (JsonNode?)List(t.Value))));

    private static JsonNode? Node(Selector? selector) => selector is null ? null : selector.Names is null ? selector.Pattern : List(selector.Names);

    private static JsonArray List<T>(IEnumerable<T> items) => new([.. items.Select(i => (JsonNode?)JsonValue.Create(i))]);

    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? JsonValue.Create((long)value) : JsonValue.Create(value);

    // Python writes a float with its point; parsing the text keeps it.
    private static JsonNode Real(double value)
        => JsonNode.Parse(value == Math.Floor(value) ? value.ToString("0.0", CultureInfo.InvariantCulture) : value.ToString("R", CultureInfo.InvariantCulture))!;
}

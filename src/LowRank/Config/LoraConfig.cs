using System.Text.Json.Nodes;

namespace LowRank;

/// <summary>How A and B start (`init_lora_weights`). All but <see cref="None"/> and <see cref="LoftQ"/> leave the model as it was.</summary>
public enum LoraInitialisation
{
    /// <summary>`true`: A uniform in ±1/√in (Kaiming, a = √5), B zero; an embedding's A zero, B normal.</summary>
    Default,
    /// <summary>`"gaussian"`: A normal with standard deviation 1/r, B zero.</summary>
    Gaussian,
    /// <summary>`"orthogonal"`: A and B from the halves of one orthogonal matrix, so that BA = 0 although neither is; r even.</summary>
    Orthogonal,
    /// <summary>`"loftq"`: the base is quantised, and s·B·A is the best low-rank guess at what that loses (Li et al. 2023, arXiv 2310.08659). It changes the base.</summary>
    LoftQ,
    /// <summary>`false`: A and B both random. The adapted model starts elsewhere than the base; for tests.</summary>
    None,
}

/// <summary>Which biases of the base train along (`bias`).</summary>
public enum BiasTraining
{
    /// <summary>None.</summary>
    None,
    /// <summary>Those of the targeted layers.</summary>
    LoraOnly,
    /// <summary>Every bias of the model.</summary>
    All,
}

/// <summary>What PEFT's adapter_config.json says about LoRA and DoRA, one property a key; keys unknown here are kept. Immutable.</summary>
public sealed partial record LoraConfig
{
    /// <summary>Rank of A and B; `r`, 8.</summary>
    public int Rank { get; init; } = 8;
    /// <summary>`lora_alpha`, 8: the delta is multiplied with alpha/r.</summary>
    public double Alpha { get; init; } = 8;
    /// <summary>`lora_dropout`, 0: the share of A's input that is dropped while training.</summary>
    public double Dropout { get; init; }
    /// <summary>`target_modules`; null: the usual ones of the model's type.</summary>
    public Selector? TargetModules { get; init; }
    /// <summary>`exclude_modules`, asked before the targets; null: none.</summary>
    public Selector? ExcludeModules { get; init; }
    /// <summary>`layers_to_transform`: the block numbers that are adapted; null: all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }
    /// <summary>`layers_pattern`: the name before the block number; null: found out.</summary>
    public IReadOnlyList<string>? LayersPattern { get; init; }
    /// <summary>`rank_pattern`: rank by module, the first key that matches.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> RankPattern { get; init; } = [];
    /// <summary>`alpha_pattern`: alpha by module, the first key that matches.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];
    /// <summary>`use_rslora`: scale with alpha/√r (Kalajdzievski 2023).</summary>
    public bool UseRsLora { get; init; }
    /// <summary>`use_dora`: magnitude and direction apart (Liu et al. 2024).</summary>
    public bool UseDora { get; init; }
    /// <summary>`bias`.</summary>
    public BiasTraining Bias { get; init; }
    /// <summary>`lora_bias`: B gets a bias of its own, scaled like the rest.</summary>
    public bool LoraBias { get; init; }
    /// <summary>`modules_to_save`: modules trained as whole copies; null: none.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }
    /// <summary>`trainable_token_indices`: token ids by embedding module, whose rows are trained; the name "" is the model's input embedding. Null: none.</summary>
    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<long>>>? TrainableTokens { get; init; }
    /// <summary>`ensure_weight_tying`: what is adapted on one of a tied embedding and output layer holds for the other too.</summary>
    public bool EnsureWeightTying { get; init; }
    /// <summary>`fan_in_fan_out`: the weights are stored [in, out]; corrected to what the targeted layers are.</summary>
    public bool FanInFanOut { get; init; }
    /// <summary>`init_lora_weights`.</summary>
    public LoraInitialisation Initialisation { get; init; }
    /// <summary>`loftq_config`: `loftq_bits`, of which only 4 (nf4) are done.</summary>
    public int LoftqBits { get; init; } = 4;
    /// <summary>`loftq_config`: `loftq_iter`, how often quantising and decomposing alternate.</summary>
    public int LoftqIterations { get; init; } = 1;
    /// <summary>`task_type`; null: none.</summary>
    public string? TaskType { get; init; } = "CAUSAL_LM";
    /// <summary>`base_model_name_or_path`; null: unknown.</summary>
    public string? BaseModel { get; init; }
    /// <summary>`revision` of the base; null: none.</summary>
    public string? Revision { get; init; }
    /// <summary>Keys that have no property here, with their values as they were read.</summary>
    public IReadOnlyDictionary<string, JsonNode?> Others { get; init; } = new Dictionary<string, JsonNode?>();

    /// <summary>The rank of the module of this path.</summary>
    public int RankOf(string path) => First(RankPattern, path, Rank);

    /// <summary>alpha/r, or alpha/√r with <see cref="UseRsLora"/>, of the module of this path.</summary>
    public double ScaleOf(string path)
        => First(AlphaPattern, path, Alpha) / (UseRsLora ? Math.Sqrt(RankOf(path)) : RankOf(path));

    private static T First<T>(IReadOnlyList<KeyValuePair<string, T>> patterns, string path, T otherwise)
    {
        ArgumentNullException.ThrowIfNull(path);
        foreach (var (key, value) in patterns)
            if (PythonRegex.Suffix(key).IsMatch(path)) return value;
        return otherwise;
    }
}

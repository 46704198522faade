using LowRank.Tensors;

namespace LowRank;

/// <summary>What a LoRA configuration may say: PEFT's rules, each mistake with its key.</summary>
internal static class LoraConfigRules
{
    /// <summary>PEFT's keys that ask for something this library does not do; refused where they are set, kept where they are empty.</summary>
    public static readonly (string Key, string What)[] NotYet =
    [
        ("eva_config", "EVA"), ("corda_config", "CorDA"), ("lora_ga_config", "LoRA-GA"), ("arrow_config", "Arrow routing"),
        ("kasa_config", "KaSA"), ("velora_config", "VeLoRA"), ("monteclora_config", "MonteCLoRA"), ("use_bdlora", "BD-LoRA"), ("megatron_config", "Megatron layers"),
        ("layer_replication", "layer replication"), ("target_parameters", "adapting bare parameters"), ("alora_invocation_tokens", "activated LoRA"), ("use_qalora", "QALoRA"),
    ];

    /// <summary>PEFT's names of tasks; it refuses an adapter with another one.</summary>
    public static readonly string[] TaskTypes =
        ["CAUSAL_LM", "SEQ_CLS", "SEQ_2_SEQ_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"];

    /// <summary>Keys of <see cref="NotYet"/> that matter only while an adapter is begun, and only with the init_lora_weights of their name.</summary>
    public static readonly string[] OfTheBeginning = ["eva_config", "corda_config", "lora_ga_config"];

    /// <summary>All mistakes of a configuration; none if it can be used.</summary>
    public static IEnumerable<BadInputException> Check(LoraConfig c, string place)
    {
        BadInputException Bad(string key, string problem, object? value, string? expected = null, string? remedy = null)
            => new(problem, value is null ? null : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{value}"), $"{place}: {key}", expected, remedy);

        if (c.Rank <= 0) yield return Bad("r", "the rank must be positive", c.Rank, "a whole number from 1");
        if (!double.IsFinite(c.Alpha)) yield return Bad("lora_alpha", "alpha must be a number", c.Alpha);
        if (c.Dropout is not (>= 0 and < 1)) yield return Bad("lora_dropout", "the dropout must be a share", c.Dropout, "0 or more and less than 1");
        foreach (var (key, list) in new[] { ("target_modules", c.TargetModules?.Names), ("exclude_modules", c.ExcludeModules?.Names) })
            if (list is not null && list.Any(n => string.Equals(n, "all-linear", StringComparison.OrdinalIgnoreCase)))
                yield return Bad(key, "all-linear is no module's name: it stands alone", $"[{string.Join(", ", list)}]", "\"all-linear\", or a list of module names", $"Write {key}: all-linear, without a list.");
        if (c.TaskType is { } task && !TaskTypes.Contains(task))
            yield return Bad("task_type", "there is no such task", task, string.Join(", ", TaskTypes) + ", or null",
                NearNames.Sentence(task.ToUpperInvariant(), TaskTypes));
        if (c.TargetModules is { Names.Count: 0 }) yield return Bad("target_modules", "the list of targets is empty", null, null, "Name modules, or say all-linear.");
        foreach (var (key, rank) in c.RankPattern)
        {
            if (rank <= 0) yield return Bad("rank_pattern", "the rank must be positive", $"{key}: {rank}", "a whole number from 1");
            if (Malformed(key) is { } error) yield return Bad("rank_pattern", error.Problem, key, null, error.Remedy);
        }
        foreach (var (key, _) in c.AlphaPattern)
            if (Malformed(key) is { } error) yield return Bad("alpha_pattern", error.Problem, key, null, error.Remedy);
        if (c.LayersPattern is not null && c.LayersToTransform is null)
            yield return Bad("layers_pattern", "layers_pattern needs layers_to_transform", string.Join(", ", c.LayersPattern), null, "Give the block numbers in layers_to_transform.");
        if (c.TargetModules?.Pattern is { } pattern && (c.LayersToTransform is not null || c.LayersPattern is not null))
            yield return Bad("target_modules", $"{(c.LayersToTransform is null ? "layers_pattern" : "layers_to_transform")} cannot be used with targets given as one text", pattern, "a list of module names", "Write the block numbers into the expression instead.");
        foreach (string name in c.LayersPattern ?? [])
            if (Malformed(name) is { } error) yield return Bad("layers_pattern", error.Problem, name, null, error.Remedy);
        if (c.LoraBias && c.UseDora) yield return Bad("lora_bias", "a bias on B cannot be used with DoRA", true, null, "Leave out lora_bias or use_dora.");
        if (c.LoraBias && c.Initialisation is LoraInitialisation.Gaussian or LoraInitialisation.Orthogonal && c.LoraBias)
            yield return Bad("lora_bias", "a bias on B needs the plain initialisation", c.Initialisation.ToString().ToLowerInvariant(), "init_lora_weights true or false");
        if (c.Initialisation == LoraInitialisation.Orthogonal)
            foreach (int rank in c.RankPattern.Select(p => p.Value).Prepend(c.Rank).Where(r => r % 2 != 0).Take(1))
                yield return Bad("init_lora_weights", "the orthogonal initialisation needs even ranks", rank, null, "Choose an even r.");
        if (c.Initialisation == LoraInitialisation.LoftQ)
        {
            if (c.LoftqBits != 4) yield return Bad("loftq_config", "LoftQ is done with 4 bits only", $"loftq_bits: {c.LoftqBits}", "4");
            if (c.LoftqIterations < 1) yield return Bad("loftq_config", "LoftQ needs a round at least", $"loftq_iter: {c.LoftqIterations}", "1 or more");
            foreach (double alpha in c.AlphaPattern.Select(p => p.Value).Prepend(c.Alpha).Where(a => a <= 0).Take(1)) yield return Bad("lora_alpha", "LoftQ needs a positive scale", alpha, "above 0");
            if (c.LoraBias) yield return Bad("lora_bias", "a bias on B needs the plain initialisation", "loftq", "init_lora_weights true or false");
        }
        foreach (var (name, ids) in c.TrainableTokens ?? [])
        {
            if (ids.Count == 0) yield return Bad("trainable_token_indices", "a list of token ids is empty", name.Length > 0 ? name : null);
            if (ids.Any(i => i < 0)) yield return Bad("trainable_token_indices", "a token id is negative", ids.First(i => i < 0));
            if (ids.Count != ids.Distinct().Count()) yield return Bad("trainable_token_indices", "a token id is given twice", ids.GroupBy(i => i).First(g => g.Count() > 1).Key);
        }
    }

    private static BadInputException? Malformed(string key)
    {
        try { _ = PythonRegex.Suffix(key); return null; }
        catch (BadInputException e) { return e; }
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank;

/// <summary>Takes typed values out of a configuration object and gathers every mistake instead of stopping at the first.</summary>
/// <param name="json">The object.</param>
/// <param name="place">Where it stands.</param>
/// <param name="trained">Whether it lies beside finished weights: what only says how they began is then passed over, as PEFT does.</param>
internal sealed class ConfigReader(JsonObject json, string place, bool trained)
{
    private const string OfOldVersions = "merge_weights"; // whether PEFT merged when it went from training to evaluation

    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    public List<BadInputException> Errors { get; } = [];

    public int Whole(string key, int otherwise) => IsGiven(key, out var node) ? AsWhole(key, node) : otherwise;
    public double Number(string key, double otherwise) => IsGiven(key, out var node) ? AsNumber(key, node) : otherwise;
    public bool Flag(string key) => Take(key) is { } node && (node.GetValueKind() is JsonValueKind.True || (node.GetValueKind() != JsonValueKind.False && Bad(key, node, "true or false", false)));
    public string? Text(string key) => Take(key) is { } node ? AsText(key, node) : null;

    public int AsWhole(string key, JsonNode? node)
        => AsDouble(node) is { } d && d == Math.Floor(d) && Math.Abs(d) <= int.MaxValue ? (int)d : Bad(key, node, "a whole number", 1);

    public double AsNumber(string key, JsonNode? node) => AsDouble(node) is { } d && double.IsFinite(d) ? d : Bad(key, node, "a number", 1.0);

    public T Choice<T>(string key, T otherwise, params (string Name, T Value)[] choices)
    {
        if (Take(key) is not { } node) return otherwise;
        string? text = node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : null;
        foreach (var (name, value) in choices)
            if (name == text) return value;
        return Bad(key, node, "one of " + string.Join(", ", choices.Select(c => c.Name)), otherwise);
    }

    public Selector? Selector(string key)
    {
        if (Take(key) is not { } node) return null;
        try
        {
            if (node.GetValueKind() == JsonValueKind.String) return LowRank.Selector.OfPattern(node.GetValue<string>());
        }
        catch (BadInputException e) { return Add(new BadInputException(e.Problem, e.Value, $"{place}: {key}", remedy: e.Remedy), (Selector?)null); }
        return List(key, node, AsText, "a list of module names, a regular expression, or all-linear") is { } names
            ? LowRank.Selector.Of([.. names.Select(n => n ?? "")]) : null; // what is no text was told
    }

    /// <summary>A string or a list of strings.</summary>
    public IReadOnlyList<string>? Strings(string key)
        => Take(key) is not { } node ? null
            : node.GetValueKind() == JsonValueKind.String ? [node.GetValue<string>()]
            : List(key, node, AsText, "a name or a list of names")?.Select(s => s ?? "").ToList();

    /// <summary>The same, where nothing in it means the same as null.</summary>
    public IReadOnlyList<string>? StringsOrNone(string key) => Strings(key) is { } all && all.Any(s => s.Length > 0) ? all : null;

    /// <summary>A whole number or a list of them; an empty one means the same as null.</summary>
    public IReadOnlyList<int>? WholesOrNone(string key)
        => Take(key) switch { null or JsonArray { Count: 0 } => null, JsonArray list => List(key, list, AsWhole, ""), var one => [AsWhole(key, one)] };

    public IReadOnlyList<KeyValuePair<string, T>> Patterns<T>(string key, Func<JsonNode?, T> value)
    {
        if (Take(key) is not { } node) return [];
        if (node is not JsonObject map) return Bad<IReadOnlyList<KeyValuePair<string, T>>>(key, node, "an object from module names to numbers", []);
        return [.. map.Select(p => KeyValuePair.Create(p.Key, value(p.Value)))];
    }

    public IReadOnlyList<KeyValuePair<string, IReadOnlyList<long>>>? Tokens(string key)
    {
        const string expected = "a list of token ids, or an object from embedding names to such lists";
        if (Take(key) is not { } node) return null;
        if (node is JsonObject map)
            return [.. map.Select(p => KeyValuePair.Create(p.Key, (IReadOnlyList<long>)(List(key, p.Value, AsWhole, expected)?.Select(i => (long)i).ToList() ?? [])))];
        return List(key, node, AsWhole, expected) is { } ids ? [KeyValuePair.Create("", (IReadOnlyList<long>)ids.Select(i => (long)i).ToList())] : null;
    }

    public LoraInitialisation Initialisation(string key)
    {
        if (Take(key) is not { } node) return LoraInitialisation.Default;
        if (node.GetValueKind() is JsonValueKind.True) return LoraInitialisation.Default;
        if (node.GetValueKind() is JsonValueKind.False) return LoraInitialisation.None;
        string text = node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : "";
        switch (text)
        {
            case "gaussian": return LoraInitialisation.Gaussian;
            case "orthogonal": return LoraInitialisation.Orthogonal;
            case "loftq": return LoraInitialisation.LoftQ;
            case "eva" when trained: return LoraInitialisation.Default; // it only chose A's first values
        }
        string known = text.Split('_')[0];
        return known is "pissa" or "olora" or "eva" or "corda" or "lora" or "mini" or "kasa"
            ? Add(new BadInputException("this initialisation cannot be done yet: it changes or needs more than the adapter", text, $"{place}: {key}", "true, false, \"gaussian\", \"orthogonal\" or \"loftq\"", "Convert the adapter to a plain LoRA with PEFT (save_pretrained with path_initial_model_for_weight_conversion)."), LoraInitialisation.Default)
            : Bad(key, node, "true, false, \"gaussian\", \"orthogonal\" or \"loftq\"", LoraInitialisation.Default);
    }

    /// <summary>Leaves keys that say nothing here.</summary>
    public void PassOver(params string[] keys) => _taken.UnionWith(keys);

    /// <summary>An object with these keys and no others; null where it is absent or empty.</summary>
    public JsonObject? Section(string key, params string[] keys)
    {
        if (Take(key) is not { } node) return null;
        if (node is not JsonObject section) return Bad<JsonObject?>(key, node, "an object", null);
        foreach (var (name, _) in section.Where(p => !keys.Contains(p.Key)))
            Errors.Add(new BadInputException("there is no such setting", name, $"{place}: {key}", string.Join(", ", keys), NearNames.Sentence(name, keys)));
        return section.Count == 0 ? null : section;
    }

    /// <summary>Refuses what the configuration asks for and this library cannot do, key by key.</summary>
    public void RefuseOtherMethods()
    {
        if (Take("peft_type") is { } type && (type.GetValueKind() != JsonValueKind.String || !type.GetValue<string>().Equals("LORA", StringComparison.OrdinalIgnoreCase)))
            Errors.Add(new BadInputException("this adapter method cannot be done yet", Show(type), $"{place}: peft_type", string.Join(", ", AdapterMethods.Names) + " (peft_type LORA, use_dora)"));
        if (trained) PassOver(LoraConfigRules.OfTheBeginning); // not without its init_lora_weights, and that one has been looked at
        foreach (var (key, what) in LoraConfigRules.NotYet.Where(k => !_taken.Contains(k.Key)))
            if (json[key] is { } node && !IsEmpty(node))
                Errors.Add(new BadInputException($"{what} cannot be done yet", Show(node), $"{place}: {key}", "null", "Leave the key out."));
        _taken.Add("inference_mode");
        _taken.Add("runtime_config"); // PEFT never writes it
    }

    /// <summary>The keys that nobody asked for. Beside finished weights one that is not known, and says something, may change what they compute: it is refused.</summary>
    public Dictionary<string, JsonNode?> Rest()
    {
        var rest = json.Where(p => !_taken.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Value?.DeepClone(), StringComparer.Ordinal);
        foreach (var (key, node) in rest.Where(p => trained && p.Value is { } value && !IsEmpty(value) && p.Key != OfOldVersions && !AdapterSection.Keys.Contains(p.Key)))
            Errors.Add(new BadInputException($"this key is not known (PEFT {LoraConfig.FormatVersion} has none of this name)", Show(node), $"{place}: {key}",
                remedy: $"{AdapterSection.Hint(key)} If it changes nothing of what the adapter computes, take it out of the file.".Trim()));
        return rest;
    }

    // Beside finished weights null is no number, as in PEFT; in a section that was typed it stands for the default.
    private bool IsGiven(string key, out JsonNode? node)
    {
        node = Take(key);
        return node is not null || (trained && json.ContainsKey(key));
    }

    private JsonNode? Take(string key)
    {
        _taken.Add(key);
        return json[key];
    }

    private List<T>? List<T>(string key, JsonNode? node, Func<string, JsonNode?, T> item, string expected)
        => node is JsonArray array ? [.. array.Select(n => item(key, n))] : Bad<List<T>?>(key, node, expected, null);

    private string? AsText(string key, JsonNode? node)
        => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : Bad<string?>(key, node, "a text", null);

    private static double? AsDouble(JsonNode? node)
        => node?.GetValueKind() == JsonValueKind.Number && double.TryParse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double d) ? d : null;

    private static bool IsEmpty(JsonNode node)
        => node.GetValueKind() is JsonValueKind.False || node is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (node is JsonValue value && value.TryGetValue(out string? text) && text.Length == 0);

    private T Bad<T>(string key, JsonNode? node, string expected, T otherwise)
        => Add(new BadInputException("a setting has the wrong kind of value", Show(node), $"{place}: {key}", expected), otherwise);

    private T Add<T>(BadInputException error, T otherwise)
    {
        Errors.Add(error);
        return otherwise;
    }

    private static string Show(JsonNode? node) => node?.ToJsonString() ?? "null";
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank;

/// <summary>Takes typed values out of a configuration object and gathers every mistake instead of stopping at the first.</summary>
internal sealed class ConfigReader(JsonObject json, string place)
{
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    public List<BadInputException> Errors { get; } = [];

    public int Whole(string key, int otherwise) => Take(key) is { } node ? AsWhole(key, node) : otherwise;
    public double Number(string key, double otherwise) => Take(key) is { } node ? AsNumber(key, node) : otherwise;
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
        return List(key, node, AsText, "a list of module names, a regular expression, or all-linear") is { } names ? LowRank.Selector.Of([.. names!]) : null;
    }

    /// <summary>A string or a list of strings.</summary>
    public IReadOnlyList<string>? Strings(string key)
        => Take(key) is not { } node ? null
            : node.GetValueKind() == JsonValueKind.String ? [node.GetValue<string>()]
            : List(key, node, AsText, "a name or a list of names")?.Select(s => s ?? "").ToList();

    /// <summary>A whole number or a list of them.</summary>
    public IReadOnlyList<int>? Wholes(string key)
        => Take(key) is not { } node ? null
            : node is JsonArray ? List(key, node, AsWhole, "") : [AsWhole(key, node)];

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
        }
        string known = text.Split('_')[0];
        return known is "pissa" or "olora" or "eva" or "corda" or "lora" or "mini" or "kasa"
            ? Add(new BadInputException("this initialisation cannot be done yet: it changes or needs more than the adapter", text, $"{place}: {key}", "true, false, \"gaussian\", \"orthogonal\" or \"loftq\"", "Convert the adapter to a plain LoRA with PEFT (save_pretrained with path_initial_model_for_weight_conversion)."), LoraInitialisation.Default)
            : Bad(key, node, "true, false, \"gaussian\", \"orthogonal\" or \"loftq\"", LoraInitialisation.Default);
    }

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
        foreach (var (key, what) in LoraConfigRules.NotYet)
            if (json[key] is { } node && !IsEmpty(node))
                Errors.Add(new BadInputException($"{what} cannot be done yet", Show(node), $"{place}: {key}", "null", "Leave the key out."));
        _taken.Add("inference_mode");
        _taken.Add("runtime_config"); // PEFT never writes it
    }

    /// <summary>The keys that nobody asked for.</summary>
    public Dictionary<string, JsonNode?> Rest()
        => json.Where(p => !_taken.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Value?.DeepClone(), StringComparer.Ordinal);

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
        => node.GetValueKind() is JsonValueKind.False || node is JsonObject { Count: 0 } || node is JsonArray { Count: 0 };

    private T Bad<T>(string key, JsonNode? node, string expected, T otherwise)
        => Add(new BadInputException("a setting has the wrong kind of value", Show(node), $"{place}: {key}", expected), otherwise);

    private T Add<T>(BadInputException error, T otherwise)
    {
        Errors.Add(error);
        return otherwise;
    }

    private static string Show(JsonNode? node) => node?.ToJsonString() ?? "null";
}

using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>
/// Reads a config.json strictly: each key is used by the family, known to change nothing, or refused by name. Mistakes are gathered and
/// thrown together by <see cref="Finish"/>; until then reads return something harmless.
/// </summary>
internal sealed class ConfigReader(JsonObject json, string place, List<BadInputException>? errors = null, ModelBounds? bounds = null)
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    public List<BadInputException> Errors { get; } = errors ?? [];
    public string Place => place;
    private ModelBounds Bounds => bounds ?? ModelBounds.None;

    /// <summary>Whether the key is there and not null. Counts as use.</summary>
    public bool Has(string key)
    {
        _used.Add(key);
        return json[key] is not null;
    }

    /// <summary>Whether the key is written down, be it null.</summary>
    public bool Contains(string key) => json.ContainsKey(key);

    public int Int(string key, int fallback) => OptionalInt(key) ?? fallback;

    /// <summary>A number of things: at least 1.</summary>
    public int Count(string key, int fallback)
    {
        int value = Int(key, fallback);
        if (value >= 1) return value;
        Wrong(key, value.ToString(), "at least 1");
        return 1;
    }

    /// <summary>A size of tensors.</summary>
    public int Size(string key, int fallback) => Within(key, fallback, Bounds.Size, "the largest size of any tensor");

    /// <summary>A number of layers.</summary>
    public int Layers(string key, int fallback) => Within(key, fallback, Bounds.Layers, "the layers that there are weights of");

    /// <summary>A number of experts.</summary>
    public int Experts(string key, int fallback) => Within(key, fallback, Bounds.Experts, "the experts that there are weights of");

    /// <summary>Checks a size that is a product of two others.</summary>
    public void CheckProduct(string key, int a, int b)
    {
        if ((long)a * b > Bounds.Size) Wrong(key, $"{a} x {b} = {(long)a * b}", $"at most {Bounds.Size}, the largest size of any tensor");
    }

    private int Within(string key, int fallback, long most, string what)
    {
        int value = Count(key, fallback);
        if (value <= most || !Has(key)) return value;
        Wrong(key, $"{value}", $"at most {most}, {what}");
        return 1;
    }

    /// <summary>The one of two spellings that the file has; where it has both they must say the same.</summary>
    public string OneOf(string key, string other)
    {
        if (Has(key) && Has(other) && !JsonNode.DeepEquals(json[key], json[other])) Contradiction(key, Short(json[key]), $"'{other}'", Short(json[other]));
        return Has(key) || !Has(other) ? key : other;
    }

    /// <summary>Refuses two values for one thing.</summary>
    public void Contradiction(string key, string value, string otherPlace, string otherValue)
        => Errors.Add(new BadInputException($"'{key}' contradicts {otherPlace}", $"{value} and {otherValue}", place, "one value", "Remove the wrong one."));

    public int? OptionalInt(string key) => Read(key, "a whole number", Whole);
    public double? OptionalNumber(string key) => Read<double>(key, "a number", n => n.TryGetValue(out double d) ? d : null);
    public double Number(string key, double fallback) => OptionalNumber(key) ?? fallback;
    public bool Flag(string key, bool fallback) => Read<bool>(key, "true or false", n => n.TryGetValue(out bool b) ? b : null) ?? fallback;

    public string Text(string key, string fallback)
    {
        if (!Has(key)) return fallback;
        if (json[key] is JsonValue v && v.TryGetValue(out string? s)) return s;
        Wrong(key, json[key]!.ToJsonString(), "a text");
        return fallback;
    }

    /// <summary>A list of numbers; null where the key is absent or null.</summary>
    public double[]? Numbers(string key)
    {
        if (!Has(key)) return null;
        if (json[key] is JsonArray a && a.All(x => x is JsonValue v && v.TryGetValue(out double _))) return [.. a.Select(x => x!.GetValue<double>())];
        Wrong(key, json[key]!.ToJsonString(), "a list of numbers");
        return null;
    }

    /// <summary>A list of texts; null where the key is absent or null.</summary>
    public string[]? Texts(string key)
    {
        if (!Has(key)) return null;
        if (json[key] is JsonArray a && a.All(x => x is JsonValue v && v.TryGetValue(out string? _))) return [.. a.Select(x => x!.GetValue<string>())];
        Wrong(key, json[key]!.ToJsonString(), "a list of texts");
        return null;
    }

    /// <summary>An object below; null where the key is absent or null. The caller finishes it.</summary>
    public ConfigReader? Object(string key)
    {
        if (!Has(key)) return null;
        if (json[key] is JsonObject o) return new(o, $"{place}: {key}", Errors, bounds);
        Wrong(key, json[key]!.ToJsonString(), "an object");
        return null;
    }

    /// <summary>The same; null too where it is empty, as Python's `or` has it.</summary>
    public ConfigReader? Filled(string key) => json[key] is JsonObject { Count: 0 } && Has(key) ? null : Object(key);

    /// <summary>An object of this one's keys with those of another one over them.</summary>
    public ConfigReader Under(ConfigReader? over)
    {
        if (over is null) return this;
        var merged = (JsonObject)json.DeepClone();
        foreach (var (key, value) in over.Json) merged[key] = value?.DeepClone();
        return new(merged, over.Place, Errors, bounds);
    }

    private JsonObject Json => json;

    /// <summary>A number that may stand here or in an object below (null: there is none), which Transformers asks first; where it stands in both they must agree.</summary>
    public double? Agreed(string key, ConfigReader? below, string keyBelow)
    {
        double? here = OptionalNumber(key), there = below?.OptionalNumber(keyBelow);
        if (here is not null && there is not null && here != there) Contradiction(key, $"{here}", $"'{keyBelow}' in {below!.Place}", $"{there}");
        return there ?? here;
    }

    public Activation ActivationOf(string key, string fallback)
    {
        string name = Text(key, fallback);
        if (Activations.Find(name) is { } a) return a;
        Wrong(key, name, string.Join(", ", Activations.Names));
        return Activation.Silu;
    }

    /// <summary>Refuses any value but this one: the family computes no other.</summary>
    public void MustBe(string key, bool value)
    {
        if (Flag(key, value) != value) Wrong(key, value ? "false" : "true", value ? "true: nothing else is computed for this family" : "false: nothing else is computed for this family");
    }

    public void Wrong(string key, string value, string expected, string? remedy = null)
        => Errors.Add(new BadInputException($"'{key}' has a value that is not supported", value, place, expected, remedy));

    /// <summary>Refuses the keys that nothing used and that are not known to be harmless.</summary>
    public void RefuseUnknown(Func<string, bool> harmless)
    {
        foreach (var (key, value) in json)
            if (!_used.Contains(key) && !harmless(key) && !IsNothing(value))
                Errors.Add(new BadInputException($"unknown key '{key}'", Short(value), place, "only keys whose effect is known: this one may change what the model computes",
                    NearNames.Sentence(key, _used) ?? "Remove it from config.json if it changes nothing."));
    }

    /// <summary>Throws everything gathered.</summary>
    public void Finish()
    {
        if (Errors.Count > 0) throw BadInputException.All("the model's configuration cannot be used", Errors, place);
    }

    // Null where it is not there, and where it is wrong, which is told then.
    private T? Read<T>(string key, string expected, Func<JsonValue, T?> read) where T : struct
    {
        if (!Has(key)) return null;
        if (json[key] is JsonValue v && read(v) is { } value) return value;
        Wrong(key, Short(json[key]), expected);
        return null;
    }

    private static int? Whole(JsonValue n) => n.TryGetValue(out int i) ? i
        : n.TryGetValue(out double d) && d == Math.Floor(d) && Math.Abs(d) < int.MaxValue ? (int)d : null;

    private static bool IsNothing(JsonNode? value) => value switch
    {
        null => true,
        JsonArray a => a.Count == 0,
        JsonObject o => o.Count == 0,
        JsonValue v => v.GetValueKind() is JsonValueKind.False || (v.TryGetValue(out string? s) && s.Length == 0),
        _ => false,
    };

    private static string Short(JsonNode? value)
    {
        string text = value?.ToJsonString() ?? "null";
        return text.Length <= 60 ? text : text[..57] + "...";
    }
}

using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>Binds a settings record from YAML and overrides, later ones winning; all mistakes are reported at once, before any work.</summary>
public static class SettingsBinder
{
    /// <summary>The names of all settings.</summary>
    public static IEnumerable<string> Names => Properties.Keys;

    /// <summary>Reads a YAML file into a tree; relative paths in it stay as they are written (relative to the working folder).</summary>
    public static JsonObject ReadYaml(string path)
        => YamlText.File(path, (key, line) => NothingIsMuch(key) ? Nothing(key, $"{path}:{line}") : null);

    // Where no value means another thing than the default, it is said, not left out.
    private static bool NothingIsMuch(string key) => Properties.GetValueOrDefault(key) is { } property
        && property.GetValue(new RunSettings()) is not null && IsNullable(property);

    private static BadInputException Nothing(string key, string place) => new("nothing stands behind a setting", key, place, "a value, or null",
        $"Write `{key}: null` if none is meant, or take the line out for its default.");

    /// <summary>Puts one `key=value` or `a.b=value` into a tree; the value is read as YAML.</summary>
    /// <returns>What the tree said of it before, as JSON; null where it said nothing.</returns>
    /// <exception cref="BadInputException">It is no assignment, or names a part of what is no section.</exception>
    public static string? Set(JsonObject tree, string assignment)
    {
        int at = assignment.IndexOf('=');
        if (at <= 0) throw new BadInputException("a setting needs a value", assignment, "--set", "key=value");
        string[] path = assignment[..at].Split('.');
        string? replaced = null;
        foreach (var (i, part) in path[..^1].Index())
        {
            if (tree.TryGetPropertyValue(part, out var there) && there is not JsonObject)
                replaced = there is null ? "null" : throw new BadInputException("a setting is given as a value and as a section",
                    $"{there.ToJsonString(Plain)} and {assignment}", string.Join('.', path[..(i + 1)]), "one of them",
                    "Leave one of them out.");
            if (there is null) tree[part] = new JsonObject();
            tree = (JsonObject)tree[part]!;
        }
        if (tree.TryGetPropertyValue(path[^1], out var before)) replaced = before?.ToJsonString(Plain) ?? "null";
        if (path is [var key] && string.IsNullOrWhiteSpace(assignment[(at + 1)..]) && NothingIsMuch(key))
            throw Nothing(key, "--set " + assignment);
        tree[path[^1]] = YamlText.Value(assignment[(at + 1)..]);
        return replaced;
    }

    /// <summary>Binds a tree to <see cref="RunSettings"/>; without <paramref name="needsData"/> (for a plan) `data` may be left out, without <paramref name="needsModel"/> (for a look at data) `model`.</summary>
    /// <exception cref="BadInputException">Unknown keys, wrong kinds, values out of range, broken rules: all of them.</exception>
    public static RunSettings Bind(JsonObject tree, bool needsData = true, bool needsModel = true)
    {
        var settings = new RunSettings();
        List<BadInputException> errors = [];
        tree = SettingNames.Renamed(tree, errors);
        foreach (var (key, node) in tree)
        {
            if (!Properties.TryGetValue(key, out var property))
                errors.Add(new BadInputException("there is no such setting", key, remedy: SettingNames.Hint(key, Properties.Where(p => Fits(node, p.Value)).Select(p => p.Key))));
            else if (Convert(node, property, key, errors) is (true, var value)) property.SetValue(settings, value);
        }
        foreach (var (key, property) in Properties)
            if (property.GetCustomAttribute<RequiredAttribute>() is not null && property.GetValue(settings) is "" or DataSources { Count: 0 }
                && (needsData || key != "data") && (needsModel || key != "model")
                && tree[key] is not (JsonObject or JsonArray { Count: > 0 })) // else what was given is told of as wrong already
                errors.Add(new BadInputException("a setting is missing", place: key, remedy: $"Give --{key} or `{key}:` in run.yaml."));
        if (InitialAdapter.Section(settings, tree, errors) is { } own) settings = settings with { Adapter = own };
        errors.AddRange(SettingsRules.Check(settings));
        return errors.Count == 0 ? settings : throw BadInputException.All("the settings cannot be used", errors);
    }

    /// <summary>Checks settings made in code, as <see cref="Bind"/> does those that were read: ranges and rules, all mistakes at once. Data and model may be empty.</summary>
    /// <exception cref="BadInputException">They cannot be used.</exception>
    public static void Check(RunSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        List<BadInputException> errors = [.. Properties.Select(p => OutOfRange(p.Value, p.Key, p.Value.GetValue(settings))).OfType<BadInputException>(), .. SettingsRules.Check(settings)];
        if (errors.Count > 0) throw BadInputException.All("the settings cannot be used", errors);
    }

    private static BadInputException? OutOfRange(PropertyInfo property, string key, object? value)
    {
        if (property.GetCustomAttribute<RangeAttribute>() is not { } range || value is not IConvertible number) return null;
        double x = number.ToDouble(CultureInfo.InvariantCulture), low = System.Convert.ToDouble(range.Minimum, CultureInfo.InvariantCulture), high = System.Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture);
        return x >= low && x <= high ? null : new("a value out of range", number.ToString(CultureInfo.InvariantCulture), key, string.Create(CultureInfo.InvariantCulture, $"{low} to {high}"));
    }

    /// <summary>All settings as a tree, defaults included, for the run folder's run.yaml.</summary>
    public static JsonObject ToTree(RunSettings settings)
    {
        JsonObject tree = [];
        foreach (var (key, property) in Properties)
            tree[key] = property.GetValue(settings) switch
            {
                null => null,
                JsonObject o => o.DeepClone(),
                JsonArray list => list.DeepClone(),
                DataSources sources => sources.ToJson(),
                bool b => b, int i => i, long l => l, double d => d,
                var other => other.ToString(),
            };
        return tree;
    }

    /// <summary>A tree as YAML text.</summary>
    public static string ToYaml(JsonObject tree)
    {
        var text = new StringBuilder();
        Write(text, tree, 0);
        return text.ToString();

        static void Write(StringBuilder text, JsonObject tree, int indent)
        {
            foreach (var (key, value) in tree)
            {
                text.Append(' ', indent).Append(key).Append(':');
                if (value is JsonObject { Count: > 0 } section)
                {
                    text.Append('\n');
                    Write(text, section, indent + 2);
                }
                else text.Append(' ').Append(value is null ? "null" : value.ToJsonString(Plain)).Append('\n'); // JSON is YAML
            }
        }
    }

    /// <summary>The settings by their names in files.</summary>
    internal static IReadOnlyDictionary<string, PropertyInfo> Properties { get; } = typeof(RunSettings).GetProperties().ToDictionary(p => SnakeCase(p.Name));

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static bool IsNullable(PropertyInfo property) => Nullable.GetUnderlyingType(property.PropertyType) is not null
        || new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;

    private static bool Fits(JsonNode? node, PropertyInfo property) => node is null || Convert(node, property, "", []).Item1;

    private static (bool, object?) Convert(JsonNode? node, PropertyInfo property, string key, List<BadInputException> errors)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        bool nullable = IsNullable(property);
        if (node is null)
        {
            if (!nullable) errors.Add(new BadInputException("a value is missing", "null", key, Kind(type)));
            return (nullable, null);
        }
        object? value = null;
        if (type == typeof(JsonObject)) value = node.DeepClone() as JsonObject;
        else if (type == typeof(JsonArray)) value = node is JsonArray ? node.DeepClone() : node is JsonValue
            ? new JsonArray(node.DeepClone()) : null;
        else if (type == typeof(DataSources))
            try { value = DataSources.FromJson(node, key); }
            catch (BadInputException e)
            {
                errors.AddRange(e.Parts);
                return (false, null);
            }
        else if (node is JsonValue scalar)
        {
            string text = scalar.GetValueKind() == JsonValueKind.String ? scalar.GetValue<string>() : scalar.ToJsonString();
            value = type == typeof(string) ? text
                : type == typeof(bool) ? bool.TryParse(text, out bool b) ? b : null
                : type == typeof(double) ? double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double d) ? d : null
                : type == typeof(int) ? int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int i) ? i : null
                : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long l) ? l : null;
        }
        if (value is null)
        {
            errors.Add(new BadInputException("a value of the wrong kind", node.ToJsonString(Plain), key, Kind(type)));
            return (false, null);
        }
        if (OutOfRange(property, key, value) is not { } error) return (true, value);
        errors.Add(error);
        return (false, null);
    }

    private static string Kind(Type type)
        => type == typeof(JsonObject) ? "a section of `key: value` lines" : type == typeof(JsonArray) ? "a list" : type == typeof(bool)
            ? "true or false" : type == typeof(string) ? "a text" : type == typeof(double) ? "a number" : "a whole number";

    /// <summary>LearningRate -> learning_rate.</summary>
    internal static string SnakeCase(string name)
        => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "_" : "") + char.ToLowerInvariant(c) : c.ToString()));
}

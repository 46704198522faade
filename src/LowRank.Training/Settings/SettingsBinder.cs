using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LowRank.Training;

/// <summary>Binds a settings record from YAML and overrides, later ones winning; all mistakes are reported at once, before any work.</summary>
public static class SettingsBinder
{
    /// <summary>Reads a YAML file into a tree; relative paths in it stay as they are written (relative to the working folder).</summary>
    public static JsonObject ReadYaml(string path)
    {
        if (!File.Exists(path)) throw new BadInputException("the settings file does not exist", place: path);
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(File.ReadAllText(path)));
            return yaml.Documents.Count == 0 ? []
                : ToJson(yaml.Documents[0].RootNode) as JsonObject ?? throw new BadInputException("the settings file is not a list of `key: value` lines", place: path);
        }
        catch (YamlException e)
        {
            throw new BadInputException("the settings file is not valid YAML: " + e.Message, place: $"{path}:{e.Start.Line}", inner: e);
        }
        catch (Exception e) when (e is InvalidOperationException or InvalidCastException) // the parser's, for some malformed flows, and keys that are no plain words
        {
            throw new BadInputException("the settings file is not valid YAML: " + e.Message, place: path, expected: "`key: value` lines", inner: e);
        }
    }

    /// <summary>Puts one `key=value` or `a.b=value` into a tree; the value is read as YAML. A section that the tree does not have yet begins with its defaults.</summary>
    public static void Set(JsonObject tree, string assignment)
    {
        int at = assignment.IndexOf('=');
        if (at <= 0) throw new BadInputException("a setting needs a value", assignment, "--set", "key=value");
        string[] path = assignment[..at].Split('.');
        foreach (string part in path[..^1])
        {
            if (tree[part] is not JsonObject) tree[part] = part == path[0] && ToTree(new RunSettings())[part] is JsonObject defaults ? defaults.DeepClone() : new JsonObject();
            tree = (JsonObject)tree[part]!;
        }
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(assignment[(at + 1)..]));
            tree[path[^1]] = yaml.Documents.Count == 0 ? null : ToJson(yaml.Documents[0].RootNode);
        }
        catch (Exception e) when (e is YamlException or InvalidOperationException or InvalidCastException) { tree[path[^1]] = assignment[(at + 1)..]; }
    }

    /// <summary>Binds a tree to <see cref="RunSettings"/>; without <paramref name="needsData"/> (for a plan) `data` may be left out, without <paramref name="needsModel"/> (for a look at data) `model`.</summary>
    /// <exception cref="BadInputException">Unknown keys, wrong kinds, values out of range, broken rules: all of them.</exception>
    public static RunSettings Bind(JsonObject tree, bool needsData = true, bool needsModel = true)
    {
        var settings = new RunSettings();
        List<BadInputException> errors = [];
        var properties = typeof(RunSettings).GetProperties().ToDictionary(p => SnakeCase(p.Name));
        foreach (var (key, node) in tree)
        {
            if (!properties.TryGetValue(key, out var property))
                errors.Add(new BadInputException("there is no such setting", key, remedy: NearNames.Sentence(key, properties.Keys)));
            else if (Convert(node, property, key, errors) is (true, var value)) property.SetValue(settings, value);
        }
        foreach (var (key, property) in properties)
            if (property.GetCustomAttribute<RequiredAttribute>() is not null && property.GetValue(settings) is "" or DataSources { Count: 0 } && (needsData || key != "data") && (needsModel || key != "model"))
                errors.Add(new BadInputException("a setting is missing", place: key, remedy: $"Give --{key} or `{key}:` in run.yaml."));
        errors.AddRange(settings.Check());
        return errors.Count == 0 ? settings : throw BadInputException.All("the settings cannot be used", errors);
    }

    /// <summary>Checks settings made in code, as <see cref="Bind"/> does those that were read: ranges and rules, all mistakes at once. Data and model may be empty.</summary>
    /// <exception cref="BadInputException">They cannot be used.</exception>
    public static void Check(RunSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        List<BadInputException> errors = [.. typeof(RunSettings).GetProperties().Select(p => OutOfRange(p, SnakeCase(p.Name), p.GetValue(settings))).OfType<BadInputException>(), .. settings.Check()];
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
        foreach (var property in typeof(RunSettings).GetProperties())
            tree[SnakeCase(property.Name)] = property.GetValue(settings) switch
            {
                null => null,
                JsonObject o => o.DeepClone(),
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

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static (bool, object?) Convert(JsonNode? node, PropertyInfo property, string key, List<BadInputException> errors)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        bool nullable = Nullable.GetUnderlyingType(property.PropertyType) is not null || new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;
        if (node is null)
        {
            if (!nullable) errors.Add(new BadInputException("a value is missing", "null", key, Kind(type)));
            return (nullable, null);
        }
        object? value = null;
        if (type == typeof(JsonObject)) value = node.DeepClone() as JsonObject;
        else if (type == typeof(DataSources))
            try { value = DataSources.FromJson(node, key); }
            catch (BadInputException e)
            {
                errors.Add(e);
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
        => type == typeof(JsonObject) ? "a section of `key: value` lines" : type == typeof(bool) ? "true or false" : type == typeof(string) ? "a text" : type == typeof(double) ? "a number" : "a whole number";

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(c => KeyValuePair.Create(((YamlScalarNode)c.Key).Value ?? "", ToJson(c.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain } plain => Scalar(plain.Value ?? ""),
        YamlScalarNode quoted => JsonValue.Create(quoted.Value ?? ""),
        _ => throw new BadInputException("aliases are not supported in settings"),
    };

    private static JsonNode? Scalar(string text) => text switch
    {
        "" or "null" or "~" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => true,
        "false" or "False" or "FALSE" => false,
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long l) => l,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double d) && double.IsFinite(d) => d,
        _ => text,
    };

    /// <summary>LearningRate -> learning_rate.</summary>
    internal static string SnakeCase(string name)
        => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "_" : "") + char.ToLowerInvariant(c) : c.ToString()));
}

using System.Text.Json;

namespace LowRank.Training;

/// <summary>A row's values by the names that formats know, after the setting `columns`; values that are null are not there.</summary>
internal sealed class RowFields
{
    private readonly Dictionary<string, JsonElement> _values = [];
    private readonly HashSet<string> _read = [];
    private readonly List<string> _replaced = [];

    /// <summary>Takes an object's properties.</summary>
    public RowFields(JsonElement element, RowContext context)
    {
        var columns = context.Options.Columns;
        List<string> found = [];
        foreach (var property in element.EnumerateObject())
        {
            string name = Name(property, context);
            found.Add(name);
            if (context.Options.Ignored.Take(name) || property.Value.ValueKind == JsonValueKind.Null) continue;
            bool mapped = false;
            foreach (var (key, theirs) in columns)
                if (theirs == name) (mapped, _values[key]) = (true, property.Value);
            if (!mapped && columns.ContainsKey(name)) _replaced.Add(name);
            else if (!mapped) _values[name] = property.Value;
        }
        Found = found.Count == 0 ? "no keys" : "the keys " + string.Join(", ", found);
        foreach (var (key, theirs) in columns)
            if (!found.Contains(theirs)) throw context.Error($"a row lacks the key \"{theirs}\", which columns.{key} names", Found, remedy: Tensors.NearNames.Sentence(theirs, found));
    }

    /// <summary>What the row has, for messages.</summary>
    public string Found { get; }

    /// <summary>The names.</summary>
    public IEnumerable<string> Names => _values.Keys;

    /// <summary>Names that the setting `columns` gives to other values.</summary>
    public IReadOnlyList<string> Replaced => _replaced;

    /// <summary>The names of values that nobody has read.</summary>
    public IEnumerable<string> Unread => _values.Keys.Where(k => !_read.Contains(k));

    /// <summary>Whether there is such a value; asking is not reading.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>Its kind; undefined where it is not there.</summary>
    public JsonValueKind KindOf(string key) => _values.TryGetValue(key, out var value) ? value.ValueKind : JsonValueKind.Undefined;

    public JsonElement this[string key] => Maybe(key)!.Value;

    public JsonElement? Maybe(string key)
    {
        if (!_values.TryGetValue(key, out var value)) return null;
        _read.Add(key);
        return value;
    }

    private static string Name(JsonProperty property, RowContext context)
    {
        try { return property.Name; }
        catch (InvalidOperationException e) { throw context.Error("a key holds half a surrogate pair", expected: "valid Unicode", inner: e); }
    }
}

using System.Collections;
using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>A file or folder of rows, and how often an epoch goes over it.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Weight">1: every row once an epoch; 2: twice; 0.5: each epoch another half.</param>
public sealed record DataSource(string Path, double Weight = 1)
{
    /// <summary>Whether its rows are held out: of a folder with several splits the one beside training's is meant.</summary>
    public bool HeldOut { get; init; }
}

/// <summary>Where rows come from: one path, or several with weights. In settings: a text, or a list of texts and of {path, weight}.</summary>
public sealed class DataSources : IReadOnlyList<DataSource>
{
    private readonly IReadOnlyList<DataSource> _sources;

    /// <summary>Keeps the sources, in order.</summary>
    public DataSources(params IReadOnlyList<DataSource> sources) => _sources = sources;

    /// <summary>One path; the empty text is no source.</summary>
    public static implicit operator DataSources(string path) => new(path.Length == 0 ? [] : [new DataSource(path)]);

    /// <inheritdoc/>
    public int Count => _sources.Count;
    /// <inheritdoc/>
    public DataSource this[int index] => _sources[index];
    /// <inheritdoc/>
    public IEnumerator<DataSource> GetEnumerator() => _sources.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The same sources as held-out rows.</summary>
    public DataSources AsHeldOut() => new([.. _sources.Select(s => s with { HeldOut = true })]);

    /// <summary>What is to be said about the folders among them: which files were taken and which were left out.</summary>
    public IReadOnlyList<string> Notes => [.. _sources.Where(s => Directory.Exists(s.Path)).SelectMany(s => DataFolder.List(s.Path,
        s.HeldOut).Notes), .. LoneShards];

    // Files named one by one whose names tell of more.
    private IEnumerable<string> LoneShards => _sources.Where(s => !Directory.Exists(s.Path))
        .Select(s => (s.Path, Shard: SplitName.ShardIn(s.Path))).Where(s => s.Shard is not null)
        .GroupBy(s => (s.Shard!.Value.Set, s.Shard.Value.Count))
        .Select(g => (g.First().Path, There: g.Select(s => s.Shard!.Value.Number).Distinct().Count(), g.Key.Count))
        .Where(g => g.There < g.Count)
        .Select(g => $"{g.Path}: {g.There} of {g.Count} shards by its name; the others are not among the data");

    /// <summary>Whether a source has another weight than 1.</summary>
    public bool Weighted => _sources.Any(s => s.Weight != 1);

    /// <summary>The paths.</summary>
    public override string ToString() => string.Join(", ", _sources.Select(s => s.Path));

    /// <summary>As settings hold it: a text where it is one path with weight 1.</summary>
    public JsonNode ToJson() => _sources is [{ Weight: 1 } only] ? JsonValue.Create(only.Path) : _sources.Count == 0 ? JsonValue.Create("")
        : new JsonArray([.. _sources.Select(s => s.Weight == 1 ? (JsonNode)JsonValue.Create(s.Path) : new JsonObject { ["path"] = s.Path, ["weight"] = s.Weight })]);

    /// <summary>Reads what settings hold.</summary>
    /// <param name="node">A text, an object or a list of them.</param>
    /// <param name="key">The setting, for errors.</param>
    /// <exception cref="BadInputException">Another shape, or a weight out of range.</exception>
    public static DataSources FromJson(JsonNode node, string key)
    {
        List<BadInputException> errors = [];
        var sources = (node as JsonArray ?? (IEnumerable<JsonNode?>)[node]).Select(item => One(item, key, errors)).ToList();
        return errors.Count == 0 ? new(sources!) : throw BadInputException.All("the sources of rows cannot be used", errors, key);
    }

    // Null only beside an error.
    private static DataSource? One(JsonNode? node, string key, List<BadInputException> errors)
    {
        const string Expected = "a path, or a list of paths and of {path: FILE, weight: NUMBER}";
        if (node is JsonValue value) return new DataSource(value.TryGetValue(out string? path) ? path : value.ToJsonString());
        string? file = null;
        double number = 1;
        var entry = node as JsonObject;
        errors.AddRange((entry ?? []).Select(p => p.Key).Where(k => k is not ("path" or "weight"))
            .Select(k => new BadInputException("there is no such setting", k, key, Expected, NearNames.Sentence(k, ["path", "weight"]))));
        if (entry?["path"] is not JsonValue place || !place.TryGetValue(out file))
            errors.Add(new("a value of the wrong kind", node?.ToJsonString() ?? "null", key, Expected));
        if (entry?["weight"] is { } weight && !(double.TryParse(weight.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number)
            && number is > 0 and <= 1000))
            errors.Add(new("a value out of range", weight.ToJsonString(), key + ": weight", "above 0, at most 1000"));
        return file is null ? null : new DataSource(file, number);
    }
}

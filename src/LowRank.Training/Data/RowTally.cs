using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>What became of rows while they were read.</summary>
public sealed class RowTally
{
    private readonly SortedDictionary<string, long> _unused = new(StringComparer.Ordinal);

    /// <summary>Those that were left out as unusable.</summary>
    public long Skipped { get; internal set; }
    /// <summary>Those that were cut to max_length.</summary>
    public long Cut { get; private set; }
    /// <summary>Keys that changed nothing, and how many rows have each.</summary>
    public IReadOnlyDictionary<string, long> Unused => _unused;

    /// <summary>What was left out of their files, a sentence each.</summary>
    internal List<string> LeftOut { get; } = [];

    /// <summary>Counts a row that is used.</summary>
    internal void Add(RowOutcome outcome)
    {
        if (outcome.FullLength > outcome.Row!.InputIds.Length) Cut++;
        foreach (string key in outcome.Unused) _unused[key] = _unused.GetValueOrDefault(key) + 1;
    }

    /// <summary>As the store keeps it.</summary>
    internal JsonObject ToJson() => new() { ["skipped"] = Skipped, ["cut"] = Cut,
        ["unused"] = new JsonObject(_unused.Select(u => KeyValuePair.Create(u.Key, (JsonNode?)u.Value))),
        ["left_out"] = new JsonArray([.. LeftOut.Select(l => (JsonNode)l)]) };

    /// <summary>What the store has kept.</summary>
    internal static RowTally FromJson(JsonNode json)
    {
        RowTally tally = new() { Skipped = (long)json["skipped"]!, Cut = (long)json["cut"]! };
        foreach (var (key, rows) in json["unused"]!.AsObject()) tally._unused[key] = (long)rows!;
        tally.LeftOut.AddRange(json["left_out"]!.AsArray().Select(l => (string)l!));
        return tally;
    }
}

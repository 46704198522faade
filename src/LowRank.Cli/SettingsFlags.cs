using System.CommandLine;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Training;

namespace LowRank.Cli;

/// <summary>How a run's settings are given on a command line: a file, options, assignments; later ones win. `train`, `plan`, `data` and
/// `eval` share it.</summary>
internal sealed class SettingsFlags(string set = "key=value, over the file; repeatable")
{
    /// <summary>--config</summary>
    public Option<string> Config { get; } = new("--config") { Description = "run.yaml: the settings (see `configs/`)" };
    /// <summary>--set</summary>
    public Option<string[]> Set { get; } = new("--set") { Description = set, DefaultValueFactory = _ => [] };
    /// <summary>--memory</summary>
    public Option<string> Memory { get; } = new("--memory")
    {
        Description = "the most the whole process is to take, such as 1.5GB: slices, recomputation and micro-batches are chosen by it",
    };

    /// <summary>The tree of settings, and what is wrong with the words that make it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="start">Settings that all others win over; null: none.</param>
    /// <param name="options">Options that stand for a setting.</param>
    public (JsonObject Tree, List<BadInputException> Errors) Read(ParseResult parsed, JsonObject? start,
        params IReadOnlyList<(Option Option, string Key)> options)
    {
        JsonObject tree = (JsonObject?)start?.DeepClone() ?? [];
        List<BadInputException> errors = [];
        if (parsed.CommandResult.Command.Options.Contains(Config) && parsed.GetValue(Config) is { } file)
            foreach (var (key, value) in SettingsBinder.ReadYaml(file)) tree[key] = value?.DeepClone();
        string[] assignments = parsed.GetValue(Set)!;
        foreach (var (option, key) in options)
        {
            if (Value(parsed, option) is not { } value) continue;
            tree[key] = value;
            if (assignments.FirstOrDefault(a => a.Split('=')[0] == key) is { } twice)
                errors.Add(new("a setting is given twice", $"{option.Name} and --set {twice}", key, remedy: "Leave one of them out."));
        }
        JsonObject given = []; // by this line alone
        foreach (string assignment in assignments)
            try
            {
                string key = assignment.Split('=')[0], section = key.Split('.')[0];
                bool isOff = key != section && tree.TryGetPropertyValue(section, out var off) && off is null;
                string? before = SettingsBinder.Set(given, assignment), there = SettingsBinder.Set(tree, assignment);
                if (isOff || there?.StartsWith('{') == true) before ??= there; // a section of the file, or its absence, as a whole
                if (before is not null && !parsed.GetValue<bool>("--quiet"))
                    Output.Notes([$"--set {assignment}: {before}, given before, does not count"]);
            }
            catch (BadInputException e) { errors.Add(e); }
        return (tree, errors);
    }

    /// <summary>Binds what <see cref="Read"/> gave: all mistakes at once.</summary>
    public static RunSettings Bind((JsonObject Tree, List<BadInputException> Errors) read, bool needsData = true, bool needsModel = true)
    {
        List<BadInputException> errors = read.Errors;
        try
        {
            var settings = SettingsBinder.Bind(read.Tree, needsData, needsModel);
            if (errors.Count == 0) return settings;
        }
        catch (BadInputException e) { errors = [.. errors, .. e.Parts]; }
        throw BadInputException.All("the settings cannot be used", errors);
    }

    private static JsonNode? Value(ParseResult parsed, Option option) => !parsed.IsGiven(option) ? null : option switch
    {
        Option<string[]> list => parsed.GetValue(list) switch { null or [] => null, [var only] => only,
            var several => new JsonArray([.. several.Select(s => (JsonNode)s)]) },
        Option<long> number => parsed.GetValue(number),
        Option<int> number => parsed.GetValue(number),
        Option<string> text => parsed.GetValue(text),
        _ => throw new NotSupportedException(option.ValueType.Name),
    };
}

using System.Globalization;
using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The settings about data: what is wrong with them, and what they mean to the reader of rows.</summary>
public static class DataRules
{
    private const string DateFormat = "yyyy-MM-dd";

    /// <summary>The settings that say how rows are read; an evaluation knows them too.</summary>
    public static IReadOnlyList<string> Keys { get; } = ["columns", "ignore_columns", "data_format", "max_length", "truncation_side", "train_on_inputs", "assistant_turns", "bad_rows", "chat_template", "chat_date", "data_cache"];

    /// <summary>How the training rows are read.</summary>
    public static DataOptions DataOptions(this RunSettings settings) => Options(settings, settings.Data);

    /// <summary>How the held-out rows are read; null where there are none.</summary>
    public static DataOptions? EvalOptions(this RunSettings settings) => settings.EvalData is { } sources ? Options(settings,
        sources).AsHeldOut() : null;

    /// <summary>A day as the setting chat_date has it.</summary>
    public static string DateText(DateTime day) => day.ToString(DateFormat, CultureInfo.InvariantCulture);

    private static DataOptions Options(RunSettings settings, DataSources sources) => new(sources)
    {
        Columns = (settings.Columns ?? []).ToDictionary(p => p.Key, p => p.Value!.GetValue<string>()),
        Ignored = new((settings.IgnoreColumns ?? []).Select(c => c!.GetValue<string>())),
        Format = settings.DataFormat,
        MaxLength = settings.MaxLength,
        TruncateLeft = settings.TruncationSide == "left",
        TrainOnInputs = settings.TrainOnInputs,
        SkipBadRows = settings.BadRows == "skip",
        Date = settings.ChatDate is { } date ? DateTime.ParseExact(date, DateFormat, CultureInfo.InvariantCulture) : null,
        Cache = Enum.Parse<DataCache>(settings.DataCache, ignoreCase: true),
    };

    /// <summary>Each broken rule.</summary>
    internal static IEnumerable<BadInputException> Check(RunSettings settings)
    {
        foreach (var (key, sources) in ((string, DataSources?)[])[("data", settings.Data), ("eval_data", settings.EvalData?.AsHeldOut())])
        {
            List<BadInputException> wrong = [.. (sources ?? "").Select(s => Wrong(s, key)).OfType<BadInputException>()];
            foreach (var error in wrong) yield return error;
            if (wrong.Count == 0 && Twice(sources ?? "", key) is { } twice) yield return twice;
        }
        if (settings.EvalData is { Count: 0 })
            yield return new("it names no file", "an empty list", "eval_data", "a path, or a list of them",
                "Leave it out to have no held-out rows.");
        foreach (var (key, value) in settings.Columns ?? [])
            if (!RowFormats.Columns.Contains(key)) yield return new("there is no such column of a format", key, "columns", string.Join(", ", RowFormats.Columns), NearNames.Sentence(key, RowFormats.Columns));
            else if (value is not JsonValue text || !text.TryGetValue(out string? _)) yield return new("a value of the wrong kind", value?.ToJsonString() ?? "null", $"columns.{key}", "a column's name");
        foreach (var (i, column) in (settings.IgnoreColumns ?? []).Index())
            if (column is not JsonValue text || !text.TryGetValue(out string? _))
                yield return new("a value of the wrong kind", column?.ToJsonString() ?? "null", $"ignore_columns[{i}]", "a column's name");
        if (settings.DataFormat is { } format && !RowFormats.Names.Contains(format))
            yield return new("an unknown data format", format, "data_format", string.Join(", ", RowFormats.Names), NearNames.Sentence(format, RowFormats.Names));
        foreach (var (key, value, choices) in ((string, string, string[])[])[("truncation_side", settings.TruncationSide, ["right", "left"]), ("assistant_turns", settings.AssistantTurns, ["all", "last"]), ("bad_rows", settings.BadRows, ["error", "skip"]), ("data_cache", settings.DataCache, ["auto", "on", "off"])])
            if (!choices.Contains(value)) yield return new("an unknown choice", value, key, string.Join(" or ", choices));
        if (settings.ChatDate is { } date && !DateTime.TryParseExact(date, DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out _)) yield return new("not a date", date, "chat_date", "a day such as 2026-01-31");
    }

    private static BadInputException? Twice(DataSources sources, string key)
        => sources.SelectMany(s => DataFile.Of(s).Select(f => RealPath.Of(f.Path)).Distinct().Select(f => (File: f, s.Path)))
            .GroupBy(f => f.File).FirstOrDefault(g => g.Count() > 1) is { } same
            ? new("a data file is given twice", string.Join(" and ", same.Select(f => f.Path)), key, "each file once",
                "Give it once; `{path: FILE, weight: 2}` goes over it twice.") : null;

    private static BadInputException? Wrong(DataSource source, string key)
    {
        if (!File.Exists(source.Path) && !Directory.Exists(source.Path)) return new("the file does not exist", source.Path, key);
        try { DataFile.Of(source); }
        catch (BadInputException e) { return new(e.Problem, e.Value, $"{key}: {source.Path}", e.Expected, e.Remedy, e); }
        return null;
    }
}

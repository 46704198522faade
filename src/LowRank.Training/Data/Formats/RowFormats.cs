using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>A data format.</summary>
/// <param name="Name">Its name in the setting data_format.</param>
/// <param name="Keys">The keys that it is known by.</param>
/// <param name="Also">Keys that rows of it may have besides: a format whose keys are all among these or <paramref name="Keys"/> does not compete.</param>
/// <param name="Make">The row of its fields.</param>
/// <param name="Fits">What must hold besides the keys; null: nothing.</param>
internal sealed record RowFormat(string Name, string[] Keys, string[] Also, Func<RowFields, RowContext, Row> Make, Func<RowFields, bool>? Fits = null)
{
    public bool Knows(RowFields fields) => Keys.All(fields.Has) && (Fits is null || Fits(fields));
    public bool Contains(RowFormat other) => other.Keys.All(k => Keys.Contains(k) || Also.Contains(k));
    public override string ToString() => "{" + string.Join(", ", Keys.Select(k => $"\"{k}\"")) + "}";
}

/// <summary>The data formats, one row each. A new format is one more row here.</summary>
internal static class RowFormats
{
    private static readonly RowFormat[] Table =
    [
        new("prompt_completion", ["prompt", "completion"], [], PromptCompletion.Make),
        new("messages", ["messages"], [], ChatFormats.Messages),
        new("sharegpt", ["conversations"], [], ChatFormats.ShareGpt),
        new("alpaca", ["instruction", "output"], ["input", "text"], Alpaca.Make),
        new("text", ["text"], [], TokenFormats.Text),
        new("input_ids", ["input_ids"], [], TokenRows.Make),
        new("preference", ["chosen", "rejected"], ["prompt", "messages"], PreferenceFormats.Pair),
        new("unpaired_preference", ["completion", "label"], ["prompt"], PreferenceFormats.Unpaired,
            f => f.KindOf("label") is JsonValueKind.True or JsonValueKind.False),
    ];

    private static readonly string Expected = "one of " + string.Join(", ", Table.Select(f => f.ToString()));

    /// <summary>What the setting data_format may say.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(f => f.Name)];

    /// <summary>Whether a key is one that a format is known by.</summary>
    public static bool IsKey(string name) => Table.Any(f => f.Keys.Contains(name));

    /// <summary>Whether an object has all the keys of some format.</summary>
    public static bool Knows(System.Text.Json.JsonElement element) => Table.Any(f => f.Keys.All(k => element.TryGetProperty(k, out _)));

    /// <summary>The names that formats have for a row's values, for the setting columns.</summary>
    public static IReadOnlyList<string> Columns { get; } = [.. Table.SelectMany(f => f.Keys.Concat(f.Also)).Concat(RowKeys.Others).Distinct()];

    /// <summary>The row's format: the one asked for, else by its keys.</summary>
    public static RowFormat Of(RowFields fields, RowContext context)
    {
        if (context.Options.Format is { } name)
        {
            var asked = Table.First(f => f.Name == name);
            return asked.Keys.All(fields.Has) ? asked : throw Lacks(asked, fields, context, asked.ToString());
        }
        var fits = Table.Where(f => f.Knows(fields)).ToList();
        fits.RemoveAll(f => fits.Any(g => g != f && g.Contains(f)));
        if (fits.Count > 1) throw context.Error($"a row fits two formats, {fits[0]} and {fits[1]}", fields.Found, "the keys of one format", $"Set data_format: {fits[0].Name} or data_format: {fits[1].Name}.");
        if (fits.Count == 1) return fits[0];
        if (Table.FirstOrDefault(f => f.Keys.Any(fields.Has)) is { } near) throw Lacks(near, fields, context, Expected);
        throw context.Error("a row has no format that is known", fields.Found, Expected,
            fields.Names.Select(k => NearNames.Sentence(k, Table.SelectMany(f => f.Keys))).FirstOrDefault(s => s is not null) ?? "Say which column is which with columns, as in columns: {prompt: question, completion: answer}.");
    }

    private static BadInputException Lacks(RowFormat format, RowFields fields, RowContext context, string expected)
    {
        string[] lacking = [.. format.Keys.Where(k => !fields.Has(k))];
        // answers stand behind questions
        string? other = fields.Names.LastOrDefault(n => !Columns.Contains(n) && !KnownKeys.IsHarmless(n));
        string list = string.Join(", ", lacking.Select(k => $"\"{k}\""));
        return context.Error(lacking.All(fields.Names.Contains) ? $"a row has null for {list}" : $"a row lacks the key {list}", fields.Found, expected,
            other is null ? null : $"If another column holds it, say which, as in "
                + $"columns: {{{lacking[0]}: {other}}}, on the command line --set columns.{lacking[0]}={other}.");
    }
}

using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>
/// Each key of a row is read by its format, changes nothing by its name (<see cref="KnownKeys"/>), is listed in the setting ignore_columns,
/// or is an error: what looks like a remark may be a mask, a
/// weight, or a misspelt name (ADR 0036).
/// </summary>
internal static class RowKeys
{
    /// <summary>Keys that rows may have beside those a format is known by.</summary>
    internal static readonly string[] Others = ["input", "history", "prompt", "system", .. ConversationParts.Keys, .. TurnWeight.Names,
        .. TokenRows.Keys];

    /// <summary>Refuses a row that is not to be learnt.</summary>
    public static void RefuseWeightless(RowFields fields, RowFormat format, RowContext context)
    {
        // of ids it is a mask
        if (TurnWeight.Of(key => key == "loss_mask" && format.Name == "input_ids" ? null : fields.Maybe(key), "the row") == false)
            throw context.Error("the row has weight 0: nothing of it is to be learnt",
                string.Join(", ", TurnWeight.Names.Where(fields.Has).Select(k => $"{k}: {fields.Maybe(k)?.GetRawText()}")), remedy: "Leave it out, or set bad_rows: skip.",
                fault: RowFault.NoTarget);
    }

    /// <summary>Refuses keys that nobody has read, all of them at once; gives those that change nothing.</summary>
    public static IReadOnlyList<string> RefuseUnused(RowFields fields, RowFormat format, RowContext context)
    {
        List<string> passed = [.. fields.Unread], unused = [.. passed.Where(k => !KnownKeys.IsHarmless(k) && !format.Also.Contains(k)
            && !IsAnswered(k, context.Options))];
        if (unused.Count == 0) return [.. passed, .. fields.Replaced];
        string list = string.Join(", ", unused.Select(k => $"\"{k}\"")), them = unused.Count == 1 ? "it" : "them";
        string? hint = unused.Select(k => Hint(k, [.. format.Keys, .. format.Also])).FirstOrDefault(h => h is not null);
        string keys = unused.Count == 1 ? "a key" : "keys";
        throw context.Error($"a row of the format {format.Name} has {keys} that nothing is made of: {list}", fields.Found,
            remedy: $"{hint} To train without {them}, set ignore_columns: [{string.Join(", ", unused)}].".TrimStart());
    }

    /// <summary>What a key may be meant as: a part of a conversation, or a misspelt name.</summary>
    internal static string? Hint(string key, string[] names)
        => ConversationParts.Keys.Contains(key) ? $"\"{key}\" belongs to a conversation: give the row as messages."
            : Others.Contains(key) ? null
            : NearNames.Sentence(key, [.. names, .. Others], within: key.Length < 5 ? 1 : 2);

    // The settings have said what other formats' keys are to be.
    private static bool IsAnswered(string key, DataOptions options)
        => (options.Format is not null && RowFormats.IsKey(key)) || (key == "rejected" && options.Columns.Values.Contains("chosen"));
}

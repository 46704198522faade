using System.Text.Json;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>
/// Rows of token ids, with the masks that tokenising programs write beside them. Padding (attention_mask 0, on either side) is taken out; a
/// position is a target where `labels` (without it: the ids) has
/// one and every mask has 1, as TRL joins them.
/// </summary>
internal static class TokenRows
{
    private static readonly string[] TargetMasks = ["completion_mask", "assistant_masks", "assistant_mask", "loss_mask"];

    /// <summary>All keys beside the ids.</summary>
    public static IEnumerable<string> Keys => ["labels", "attention_mask", .. TargetMasks, "special_tokens_mask", "token_type_ids",
        "position_ids", "seq_lengths"];

    /// <summary>The row.</summary>
    public static Row Make(RowFields fields, RowContext context)
    {
        int[] ids = context.Integers(fields["input_ids"], "input_ids");
        int[] labels = Numbers("labels", ids.Length, fields, context) ?? [.. ids];
        foreach (string key in TargetMasks)
            if (Mask(key, ids.Length, fields, context) is { } mask)
                for (int i = 0; i < labels.Length; i++) if (!mask[i]) labels[i] = Row.Ignored;
        var (from, to) = Attended(ids.Length, fields, context);
        RefuseOtherLayouts(ids.Length, from, to, fields, context);
        return new Row(ids[from..to], labels[from..to]);
    }

    /// <summary>The run of tokens that are no padding.</summary>
    private static (int From, int To) Attended(int length, RowFields fields, RowContext context)
    {
        if (Mask("attention_mask", length, fields, context) is not { } mask) return (0, length);
        int from = Array.IndexOf(mask, true), to = Array.LastIndexOf(mask, true) + 1;
        if (from < 0) throw context.Error("\"attention_mask\" leaves no token", expected: "1 where there is a token");
        int gap = Array.IndexOf(mask, false, from, to - from);
        return gap < 0 ? (from, to) : throw context.Error("\"attention_mask\" has a gap between tokens, which is not computed",
            $"0 at {gap}, between {from} and {to - 1}", "0 at the beginning or the end only");
    }

    /// <summary>Segments, and several documents in one row, would be learnt as one text.</summary>
    private static void RefuseOtherLayouts(int length, int from, int to, RowFields fields, RowContext context)
    {
        Mask("special_tokens_mask", length, fields, context); // says which ids are special tokens; nothing follows from it
        if (Numbers("token_type_ids", length, fields, context) is { } types && types[from..to].Any(t => t != 0))
            throw context.Error("\"token_type_ids\" has segments, which a decoder does not read", expected: "zeros");
        if (Numbers("position_ids", length, fields, context) is { } positions)
            for (int i = from; i < to; i++)
                if (positions[i] != i - from)
                    throw context.Error("\"position_ids\" does not count from 0 on: the row holds several documents, or begins in the middle of one", $"{positions[i]} at {i}", $"{i - from}", "Give each document as a row of its own (packing: true packs them again).");
        if (fields.Maybe("seq_lengths") is { } given && context.Integers(given, "seq_lengths") is var lengths
            && !(lengths.Length == 1 && lengths[0] == to - from))
            throw context.Error("\"seq_lengths\" tells of several documents in one row", $"[{string.Join(", ", lengths)}]",
                $"[{to - from}]", "Give each document as a row of its own (packing: true packs them again).");
    }

    private static int[]? Numbers(string key, int length, RowFields fields, RowContext context)
        => fields.Maybe(key) is { } value ? AsLong(context.Integers(value, key), key, length, context) : null;

    /// <summary>A list of 0 and 1, or of false and true.</summary>
    private static bool[]? Mask(string key, int length, RowFields fields, RowContext context)
    {
        if (fields.Maybe(key) is not { } value) return null;
        List<bool> mask = [];
        foreach (var item in MessageReader.List(value, key, "a list of 0 and 1").EnumerateArray())
            mask.Add(item.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                JsonValueKind.Number when item.TryGetDouble(out double number) && number is 0 or 1 => item.GetDouble() == 1,
                _ => throw context.Error($"\"{key}\"[{mask.Count}] is neither 0 nor 1", item.GetRawText() is { Length: < 40 } text ? text
                    : MessageReader.Kind(item), "0 or 1: parts of a weight are not computed"),
            });
        return AsLong(mask.ToArray(), key, length, context);
    }

    private static T[] AsLong<T>(T[] list, string key, int length, RowContext context)
        => list.Length == length ? list : throw context.Error($"\"{key}\" is not as long as \"input_ids\"", $"{list.Length}",
            $"{length} numbers");
}

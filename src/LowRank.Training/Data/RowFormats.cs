using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>The data formats, one row each: the keys that a format is known by, and what makes a <see cref="Row"/> of them. A new format is one more row here.</summary>
internal static class RowFormats
{
    internal sealed record Format(string[] Keys, Func<JsonElement, RowContext, Row> Make)
    {
        public override string ToString() => "{" + string.Join(", ", Keys.Select(k => $"\"{k}\"")) + "}";
    }

    private static readonly Format[] Table =
    [
        new(["prompt", "completion"], PromptCompletion),
        new(["messages"], static (_, c) => throw c.Error("needs chat templates: not supported yet", "messages", remedy: "Give the rows as a prompt with a completion.")),
        new(["text"], Text),
        new(["input_ids"], Tokens),
    ];

    private static readonly string Expected = "one of {\"prompt\", \"completion\"}, {\"messages\"}, {\"text\"}, {\"input_ids\", \"labels\"}";

    /// <summary>Finds the format by the keys and makes the row.</summary>
    public static Row Make(JsonElement element, RowContext context)
    {
        if (element.ValueKind != JsonValueKind.Object) throw context.Error("a row is not an object", RowContext.Kind(element), Expected);
        string[] keys = [.. element.EnumerateObject().Select(p => p.Name)];
        var fits = Table.Where(f => f.Keys.All(keys.Contains)).ToList();
        string found = keys.Length == 0 ? "no keys" : "the keys " + string.Join(", ", keys);
        if (fits.Count > 1) throw context.Error($"a row fits two formats, {fits[0]} and {fits[1]}", found, "the keys of one format");
        if (fits.Count == 1) return fits[0].Make(element, context);
        if (Table.FirstOrDefault(f => f.Keys.Any(keys.Contains)) is { } near)
            throw context.Error($"a row lacks the key {string.Join(", ", near.Keys.Where(k => !keys.Contains(k)).Select(k => $"\"{k}\""))}", found, Expected);
        throw context.Error("a row has no format that is known", found, Expected,
            keys.Select(k => NearNames.Sentence(k, Table.SelectMany(f => f.Keys))).FirstOrDefault(s => s is not null));
    }

    private static Row PromptCompletion(JsonElement element, RowContext context)
    {
        string prompt = context.String(element, "prompt"), completion = context.String(element, "completion");
        var encoder = context.NeedEncoder();
        // The blank belongs to the completion: byte-level vocabularies hold words together with the blank before them.
        bool apart = prompt.Length == 0 || completion.Length == 0 || char.IsWhiteSpace(prompt[^1]) || char.IsWhiteSpace(completion[0]);
        int[] head = encoder.Encode(prompt, true);
        int[] tail = WithEnd(encoder.Encode(apart ? completion : " " + completion, false), encoder);
        return new Row([.. head, .. tail], [.. Enumerable.Repeat(Row.Ignored, head.Length), .. tail]) { Prompt = prompt, Completion = completion };
    }

    private static Row Text(JsonElement element, RowContext context)
    {
        string text = context.String(element, "text");
        var encoder = context.NeedEncoder();
        int[] ids = WithEnd(encoder.Encode(text, true), encoder);
        return new Row(ids, ids);
    }

    private static Row Tokens(JsonElement element, RowContext context)
    {
        int[] ids = context.Integers(element, "input_ids");
        bool hasLabels = element.TryGetProperty("labels", out var labels) && labels.ValueKind != JsonValueKind.Null;
        return new Row(ids, hasLabels ? context.Integers(element, "labels") : ids);
    }

    private static int[] WithEnd(int[] ids, TokenEncoder encoder)
        => encoder.EosId is { } eos && (ids.Length == 0 || ids[^1] != eos) ? [.. ids, eos] : ids;
}

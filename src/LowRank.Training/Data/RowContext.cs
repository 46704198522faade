using System.Globalization;
using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>What is wrong with a row, in kinds that are counted apart.</summary>
internal enum RowFault { None, Unusable, NoTarget, NoTargetLeft }

/// <summary>Where a row stands and what it is read with; makes the errors that name it.</summary>
internal sealed record RowContext(string Place, TokenEncoder? Encoder, DataOptions Options)
{
    /// <summary>The kind of the last error made.</summary>
    public RowFault Fault { get; private set; }

    public BadInputException Error(string problem, string? value = null, string? expected = null, string? remedy = null, Exception? inner = null, RowFault fault = RowFault.Unusable)
    {
        Fault = fault;
        return new(problem, value, Place, expected, remedy, inner);
    }

    public TokenEncoder NeedEncoder()
        => Encoder ?? throw Error("a row of text needs a tokenizer, and the model has none", remedy: "Put tokenizer.json beside the model, or give the rows as input_ids.");

    public string String(JsonElement value, string key)
    {
        if (value.ValueKind != JsonValueKind.String) throw Error($"\"{key}\" is not text", Kind(value), "a string");
        try { return value.GetString()!; }
        catch (InvalidOperationException e) { throw Error($"\"{key}\" holds half a surrogate pair", expected: "valid Unicode", inner: e); }
    }

    /// <summary>A list, or the list whose JSON a text holds (as in .csv).</summary>
    public JsonElement List(JsonElement value, string key, string expected = "a list")
    {
        if (value.ValueKind == JsonValueKind.String && String(value, key) is var text && text.AsSpan().TrimStart() is ['[', ..])
            try
            {
                using var parsed = JsonDocument.Parse(text);
                value = parsed.RootElement.Clone();
            }
            catch (JsonException e) { throw Error($"\"{key}\" is a text that is no JSON list", expected: expected, inner: e); }
        return value.ValueKind == JsonValueKind.Array ? value : throw Error($"\"{key}\" is not a list", Kind(value), expected);
    }

    public int[] Integers(JsonElement value, string key)
    {
        value = List(value, key, "a list of whole numbers");
        var numbers = new int[value.GetArrayLength()];
        int i = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out numbers[i]))
                throw Error($"\"{key}\"[{i}] is not a token id", item.GetRawText() is { Length: < 40 } text ? text : Kind(item), "a whole number");
            i++;
        }
        return numbers;
    }

    /// <summary>Throws what makes a row unusable.</summary>
    public Row Checked(Row row, int vocabularySize)
    {
        if (row.InputIds.Length == 0) throw Error("a row has no tokens");
        if (row.Labels.Length != row.InputIds.Length)
            throw Error("\"labels\" is not as long as \"input_ids\"", Text(row.Labels.Length), Text(row.InputIds.Length) + " numbers");
        for (int i = 0; i < row.InputIds.Length; i++)
        {
            if ((uint)row.InputIds[i] >= vocabularySize) throw OutsideVocabulary("input_ids", i, row.InputIds[i], vocabularySize, "");
            if ((uint)row.Labels[i] >= vocabularySize && row.Labels[i] != Row.Ignored) throw OutsideVocabulary("labels", i, row.Labels[i], vocabularySize, $", or {Row.Ignored} for no target");
        }
        return row.TargetCount > 0 ? row
            : throw Error("a row has no target token: nothing would be learnt from it", expected: $"a label other than {Row.Ignored} after the first token", fault: RowFault.NoTarget);
    }

    /// <summary>Cuts what is beyond the limit, at the end or at the beginning; a row that loses all its targets by that is an error.</summary>
    public Row Cut(Row row)
    {
        row = CutToLimit(row);
        if (Options.Positions is { Learned: true, Most: var most } && row.InputIds.Length > most)
            throw Error("a row is longer than the model's learned positions", Text(row.InputIds.Length) + " tokens",
                Text(most) + " at most", $"Set max_length: {most}, or shorten the row.");
        return row;
    }

    private Row CutToLimit(Row row)
    {
        if (Options.MaxLength is not { } limit || row.InputIds.Length <= limit) return row;
        var cut = Options.TruncateLeft ? row with { InputIds = row.InputIds[^limit..], Labels = row.Labels[^limit..] } : row with { InputIds = row.InputIds[..limit], Labels = row.Labels[..limit] };
        return cut.TargetCount > 0 ? cut
            : throw Error("a row has no target token left within max_length", $"{row.InputIds.Length} tokens, max_length {limit}",
                remedy: Options.TruncateLeft ? "Raise max_length, or set truncation_side: right." : "Raise max_length, shorten the prompt, or set truncation_side: left.", fault: RowFault.NoTargetLeft);
    }

    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    private BadInputException OutsideVocabulary(string key, int index, int id, int size, string also)
        => Error($"\"{key}\"[{index}] is outside the vocabulary", Text(id), $"an id from 0 to {size - 1}{also}", "The rows were made with another model's tokenizer.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

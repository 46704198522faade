using System.Globalization;
using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>What is wrong with a row, in kinds that are counted apart.</summary>
internal enum RowFault { None, Unusable, NoTarget, NoTargetLeft }

/// <summary>Where a row stands and what it is read with; makes the errors that name it.</summary>
internal sealed record RowContext(string Place, TokenEncoder? Encoder, DataOptions Options)
{
    /// <summary>The kind of the last error made.</summary>
    public RowFault Fault { get; private set; }

    /// <summary>Remarks of its messages that the template does not read.</summary>
    public HashSet<string> Passed { get; } = [];

    public BadInputException Error(string problem, string? value = null, string? expected = null, string? remedy = null, Exception? inner = null, RowFault fault = RowFault.Unusable)
    {
        Fault = fault;
        return new(problem, value, Place, expected, remedy, inner);
    }

    public TokenEncoder NeedEncoder()
        => Encoder ?? throw Error("a row of text needs a tokenizer, and the model has none", remedy: "Put tokenizer.json beside the model, or give the rows as input_ids.");

    /// <summary>A text that is learnt or asked letter by letter; a conversation written in it is refused unless the setting data_format
    /// says that it is a text.</summary>
    public string Plain(JsonElement value, string key)
    {
        string text = MessageReader.Text(value, key);
        if (Options.Format is null && MessageReader.IsWrittenIn(text))
            throw Error($"\"{key}\" is a text that holds messages as JSON: the model would learn to write JSON", text.Length <= 60 ? text
                : text[..57] + "...", "the list itself",
                $"Give the conversation as a list under \"messages\" (or columns: {{messages: {key}}}); to learn the text as it stands, set data_format.");
        return text;
    }

    public int[] Integers(JsonElement value, string key)
    {
        value = MessageReader.List(value, key, "a list of whole numbers");
        var numbers = new int[value.GetArrayLength()];
        int i = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out numbers[i]))
                throw Error($"\"{key}\"[{i}] is not a token id", item.GetRawText() is { Length: < 40 } text ? text
                    : MessageReader.Kind(item), "a whole number");
            i++;
        }
        return numbers;
    }

    /// <summary>Throws what makes a row unusable.</summary>
    public Row Checked(Row row, int vocabularySize)
    {
        if (row.InputIds.Length == 0) throw Error("a row has no tokens");
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

    private BadInputException OutsideVocabulary(string key, int index, int id, int size, string also)
        => Error($"\"{key}\"[{index}] is outside the vocabulary", Text(id), $"an id from 0 to {size - 1}{also}", "The rows were made with another model's tokenizer.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

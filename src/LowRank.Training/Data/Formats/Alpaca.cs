using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>
/// Alpaca's instruction, input and output. Where the model has a chat template, instruction and input (a line end between them) are the user's message and the output the assistant's;
/// else they are set into the text of the Stanford Alpaca project, whose end, "### Response:" and a line end, the output follows.
/// </summary>
internal static class Alpaca
{
    private const string Alone = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n{0}\n\n### Response:\n";
    private const string WithInput = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n{0}\n\n### Input:\n{1}\n\n### Response:\n";

    public static Row Make(RowFields fields, RowContext context)
    {
        string instruction = context.Plain(fields["instruction"], "instruction"), output = context.Plain(fields["output"], "output");
        string input = fields.Maybe("input") is { } value ? context.Plain(value, "input") : "";
        if (context.NeedEncoder().Chat is null)
            return History(fields, context).Count > 0 || ConversationParts.System(fields.Maybe) is not null
                ? throw context.Error("a row with \"history\" or \"system\" needs a chat template, and the model has none", remedy: "Name one with chat_template: FILE.jinja.")
                : PromptCompletion.OfTexts(string.Format(System.Globalization.CultureInfo.InvariantCulture, input.Length == 0 ? Alone : WithInput, instruction, input), output, context);
        string question = input.Length == 0 ? instruction : instruction + "\n" + input;
        return ChatRows.Make([.. History(fields, context), ChatFormats.Message("user", question), ChatFormats.Message("assistant", output)],
            fields, context);
    }

    /// <summary>Earlier turns: a list of [question, answer].</summary>
    private static List<JsonObject> History(RowFields fields, RowContext context)
    {
        List<JsonObject> turns = [];
        if (fields.Maybe("history") is not { } history) return turns;
        foreach (var pair in MessageReader.List(history, "history").EnumerateArray())
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
                throw context.Error("\"history\" holds something else than pairs", MessageReader.Kind(pair), "[[question, answer], …]");
            turns.Add(ChatFormats.Message("user", MessageReader.Text(pair[0], "history")));
            turns.Add(ChatFormats.Message("assistant", MessageReader.Text(pair[1], "history")));
        }
        return turns;
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>A prompt and what should follow it: two texts, or two lists of messages. Only the completion is learnt, unless prompts are to be.</summary>
internal static class PromptCompletion
{
    public static Row Make(RowFields fields, RowContext context) => Make(fields["prompt"], fields["completion"], "completion", fields, context);

    /// <summary>The same with the completion under another key.</summary>
    public static Row Make(JsonElement prompt, JsonElement completion, string key, RowFields fields, RowContext context)
    {
        if (prompt.ValueKind == JsonValueKind.Array != (completion.ValueKind == JsonValueKind.Array))
            throw context.Error($"\"prompt\" and \"{key}\" are of different kinds",
                $"{MessageReader.Kind(prompt)} and {MessageReader.Kind(completion)}", "two texts or two lists of messages");
        return prompt.ValueKind == JsonValueKind.Array
            ? OfMessages(prompt, completion, key, fields, context)
            : OfTexts(context.Plain(prompt, "prompt"), context.Plain(completion, key), context);
    }

    /// <summary>Two texts, joined by a blank where there is none (ADR 0016).</summary>
    public static Row OfTexts(string prompt, string completion, RowContext context)
    {
        var encoder = context.NeedEncoder();
        // The blank belongs to the completion: byte-level vocabularies hold words together with the blank before them.
        bool apart = prompt.Length == 0 || completion.Length == 0 || char.IsWhiteSpace(prompt[^1]) || char.IsWhiteSpace(completion[0]);
        int[] head = encoder.Start(prompt), tail = encoder.WithEnd(encoder.Encode(apart ? completion : " " + completion, false),
            completion);
        if (context.Options.TrainOnInputs) return new Row([.. head, .. tail], [.. head, .. tail]); // no place is left that tells where an answer would begin
        return new Row([.. head, .. tail], [.. Enumerable.Repeat(Row.Ignored, head.Length), .. tail]) { Prompt = prompt, Completion = completion };
    }

    /// <summary>Two lists of messages: targets begin where the prompt's tokens, with the mark that the assistant speaks, end.</summary>
    private static Row OfMessages(JsonElement prompt, JsonElement completion, string key, RowFields fields, RowContext context)
    {
        var asked = ConversationParts.WithSystem(ChatRows.Read(prompt, "prompt", context), fields.Maybe);
        var answered = ChatRows.Read(completion, key, context);
        bool assistantOnly = !context.Options.TrainOnInputs;
        if (assistantOnly) Unlearnt(asked);
        var before = ChatRows.Tokens(ChatRows.Request(asked, fields, context) with { AddGenerationPrompt = true }, false, context);
        var all = ChatRows.Tokens(ChatRows.Request([.. asked, .. answered], fields, context), assistantOnly, context);
        if (!all.Ids.AsSpan().StartsWith(before.Ids))
            throw context.Error("the prompt's tokens are not the beginning of the whole conversation's: the chat template writes earlier messages otherwise once an answer follows", remedy: "Give the row as messages.");
        if (!assistantOnly) return new Row(all.Ids, [.. all.Ids.Select((id, i) => all.AssistantMask[i] != 0 ? id : Row.Ignored)]);
        int[] labels = [.. all.Ids.Select((id, i) => i >= before.Ids.Length && all.AssistantMask[i] != 0 ? id : Row.Ignored)];
        return ChatRows.WithTexts(new Row(all.Ids, labels), [.. asked, .. answered], asked.Count);
    }

    /// <summary>A prompt that is not learnt: its assistant turns have weight 0, so that the template need not tell them from the rest.</summary>
    private static void Unlearnt(IReadOnlyList<JsonObject> asked)
    {
        for (int i = 0; i < asked.Count; i++)
        {
            if (ChatRows.WeightOf(asked[i], $"prompt[{i}]") == true)
                throw new BadInputException($"prompt[{i}] has a weight that says it is learnt, and a prompt is not",
                    remedy: "Take the weight away, or give the row as messages.");
            foreach (string name in TurnWeight.Names) asked[i].Remove(name);
            if (ChatRows.IsFrom(asked[i], "assistant")) asked[i]["weight"] = 0;
        }
    }
}

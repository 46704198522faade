using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>Conversations through the chat template to tokens and labels.</summary>
internal static class ChatRows
{
    /// <summary>The messages of a row's value.</summary>
    public static IReadOnlyList<JsonObject> Read(JsonElement value, string key, RowContext context)
        => MessageReader.Read(value, key, context.Options.Ignored);

    /// <summary>A conversation; what the assistant says, the end of its turns included, is learnt, or all of it; turns with weight 0 are
    /// not.</summary>
    public static Row Make(IReadOnlyList<JsonObject> messages, RowFields fields, RowContext context)
    {
        bool assistantOnly = !context.Options.TrainOnInputs;
        messages = ConversationParts.WithSystem(messages, fields.Maybe);
        var request = Request(messages, fields, context);
        if (assistantOnly && !messages.Any(m => IsFrom(m, "assistant")))
            throw context.Error("a conversation has no assistant message: nothing would be learnt from it", remedy: "Add the answer, or set train_on_inputs: true.", fault: RowFault.NoTarget);
        bool[] counted = TurnWeight.Counted(request.Messages!.Value, assistantOnly);
        if (assistantOnly && !messages.Index().Any(m => counted[m.Index] && IsFrom(m.Item, "assistant")))
            throw context.Error("all assistant messages of a conversation have weight 0: nothing would be learnt from it",
                remedy: "Leave it out, or set bad_rows: skip.", fault: RowFault.NoTarget);
        var tokens = Tokens(request, assistantOnly, context);
        var row = new Row(tokens.Ids, [.. tokens.Ids.Select((id, i) => tokens.AssistantMask[i] != 0 ? id : Row.Ignored)]);
        return assistantOnly && messages.Count(m => IsFrom(m, "assistant")) == 1 ? WithTexts(row, messages, messages.Count - 1) : row;
    }

    /// <summary>What the template is given: messages, and the row's tools, documents and variables.</summary>
    public static ChatRequest Request(IReadOnlyList<JsonObject> messages, RowFields fields, RowContext context)
        => ConversationParts.Request(messages, fields.Maybe) with { Now = context.Options.Date };

    /// <summary>The tokens; what the template or the tokenizer objects to is an error of this row.</summary>
    public static ChatTokens Tokens(ChatRequest request, bool assistantOnly, RowContext context)
    {
        var chat = context.NeedEncoder().Chat ?? throw context.Error("a row of messages needs a chat template, and the model has none", remedy: "Name one with chat_template: FILE.jinja, or give the rows as a prompt with a completion.");
        try
        {
            var tokens = chat(request, assistantOnly);
            context.Passed.UnionWith(tokens.Unused);
            return tokens;
        }
        catch (BadInputException e) { throw context.Error(e.Place is { } place ? $"{place}: {e.Problem}" : e.Problem, e.Value, e.Expected, e.Remedy, e); }
    }

    /// <summary>Keeps the last question and the answer as texts, where the answer is the only message from <paramref name="answer"/> on and is text.</summary>
    public static Row WithTexts(Row row, IReadOnlyList<JsonObject> messages, int answer)
        => answer == messages.Count - 1 && IsFrom(messages[^1], "assistant") && Text(messages[^1]) is { } said && messages.LastOrDefault(m => IsFrom(m, "user")) is { } question && Text(question) is { } asked
            ? row with { Prompt = asked, Completion = said } : row;

    /// <summary>Whether a message has a role.</summary>
    public static bool IsFrom(JsonObject message, string role) => message["role"]!.GetValue<string>() == role;

    /// <summary>A message's content, where it is a text.</summary>
    public static string? Text(JsonObject message) => message["content"] is JsonValue value && value.TryGetValue(out string? text) ? text
        : null;

    /// <summary>What a message says about whether it is learnt.</summary>
    public static bool? WeightOf(JsonObject message, string what)
        => TurnWeight.Of(name => message[name] is { } value ? JsonSerializer.SerializeToElement(value) : null, what);
}

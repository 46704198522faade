using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Text.Templates;

namespace LowRank.Training;

/// <summary>Conversations through the chat template to tokens and labels.</summary>
internal static class ChatRows
{
    /// <summary>A conversation; what the assistant says, the end of its turns included, is learnt, or all of it.</summary>
    public static Row Make(IReadOnlyList<JsonObject> messages, RowFields fields, RowContext context)
    {
        bool assistantOnly = context.Options.AssistantOnlyLoss;
        if (assistantOnly && !messages.Any(m => IsFrom(m, "assistant")))
            throw context.Error("a conversation has no assistant message: nothing would be learnt from it", remedy: "Add the answer, or set assistant_only_loss: false.", fault: RowFault.NoTarget);
        var tokens = Tokens(Request(MessageList.Json(messages), fields, context), assistantOnly, context);
        int[] labels = assistantOnly ? [.. tokens.Ids.Select((id, i) => tokens.AssistantMask[i] != 0 ? id : Row.Ignored)] : tokens.Ids;
        var row = new Row(tokens.Ids, labels);
        return assistantOnly && messages.Count(m => IsFrom(m, "assistant")) == 1 ? WithTexts(row, messages, messages.Count - 1) : row;
    }

    /// <summary>What the template is given: messages, and the row's tools, documents and variables.</summary>
    public static ChatRequest Request(JsonElement messages, RowFields fields, RowContext context)
    {
        ChatRequest request = new() { Messages = messages, Now = context.Options.Date };
        if (fields.Maybe("tools") is { } tools) request = request with { Tools = Sound(context.List(tools, "tools"), "tools", context) };
        if (fields.Maybe("documents") is { } documents) request = request with { Documents = Sound(context.List(documents, "documents"), "documents", context) };
        if (fields.Maybe("chat_template_kwargs") is { ValueKind: JsonValueKind.Object } variables)
            request = request with { Variables = Sound(variables, "chat_template_kwargs", context).EnumerateObject().GroupBy(p => p.Name).ToDictionary(g => g.Key, g => g.Last().Value) };
        return request;
    }

    /// <summary>The tokens; what the template or the tokenizer objects to is an error of this row.</summary>
    public static ChatTokens Tokens(ChatRequest request, bool assistantOnly, RowContext context)
    {
        var chat = context.NeedEncoder().Chat ?? throw context.Error("a row of messages needs a chat template, and the model has none", remedy: "Name one with chat_template: FILE.jinja, or give the rows as a prompt with a completion.");
        try { return chat(request, assistantOnly); }
        catch (BadInputException e) { throw context.Error(e.Place is { } place ? $"{place}: {e.Problem}" : e.Problem, e.Value, e.Expected, e.Remedy, e); }
    }

    /// <summary>Keeps the last question and the answer as texts, where the answer is the only message from <paramref name="answer"/> on and is text.</summary>
    public static Row WithTexts(Row row, IReadOnlyList<JsonObject> messages, int answer)
        => answer == messages.Count - 1 && IsFrom(messages[^1], "assistant") && Text(messages[^1]) is { } said && messages.LastOrDefault(m => IsFrom(m, "user")) is { } question && Text(question) is { } asked
            ? row with { Prompt = asked, Completion = said } : row;

    private static bool IsFrom(JsonObject message, string role) => message["role"]!.GetValue<string>() == role;

    private static string? Text(JsonObject message) => message["content"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static JsonElement Sound(JsonElement value, string key, RowContext context)
    {
        try { return JsonSerializer.SerializeToElement(JsonSerializer.Deserialize<JsonNode>(value)); }
        catch (Exception e) when (e is InvalidOperationException or JsonException or ArgumentException) { throw context.Error($"\"{key}\" cannot be used", expected: "valid JSON without half surrogate pairs or doubled keys", inner: e); }
    }
}

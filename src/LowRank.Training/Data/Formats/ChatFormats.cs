using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>Rows that are conversations.</summary>
internal static class ChatFormats
{
    /// <summary>OpenAI's messages: role, content (text or parts), tool calls, reasoning; with tools beside them.</summary>
    public static Row Messages(RowFields fields, RowContext context) => ChatRows.Make(MessageList.Read(fields["messages"], "messages", context), fields, context);

    /// <summary>ShareGPT's conversations: from and value (or role and content), perhaps a system text beside them.</summary>
    public static Row ShareGpt(RowFields fields, RowContext context)
    {
        var messages = MessageList.Read(fields["conversations"], "conversations", context);
        return ChatRows.Make(WithSystem(messages, fields, context), fields, context);
    }

    /// <summary>Puts the row's own system text, if it has one, before the messages.</summary>
    public static IReadOnlyList<JsonObject> WithSystem(IReadOnlyList<JsonObject> messages, RowFields fields, RowContext context)
        => fields.Maybe("system") is { } system && context.String(system, "system") is { Length: > 0 } text ? [Message("system", text), .. messages] : messages;

    /// <summary>A message of text.</summary>
    public static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}

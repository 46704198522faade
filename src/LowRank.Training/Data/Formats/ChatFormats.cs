using System.Text.Json.Nodes;
using LowRank.Text.Chat;

namespace LowRank.Training;

/// <summary>Rows that are conversations.</summary>
internal static class ChatFormats
{
    /// <summary>OpenAI's messages: role, content (text or parts), tool calls, reasoning; with tools beside them.</summary>
    public static Row Messages(RowFields fields, RowContext context) => Make("messages", fields, context);

    /// <summary>ShareGPT's conversations: from and value (or role and content), perhaps a system text beside them.</summary>
    public static Row ShareGpt(RowFields fields, RowContext context) => Make("conversations", fields, context);

    /// <summary>A message of text.</summary>
    public static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    // Some data have the first question under "prompt" as well.
    private static Row Make(string key, RowFields fields, RowContext context)
    {
        var messages = ChatRows.Read(fields[key], key, context);
        string? first = messages.FirstOrDefault(m => ChatRows.IsFrom(m, "user")) is { } question ? ChatRows.Text(question) : null;
        if (fields.Maybe("prompt") is { } prompt && (first is null || MessageReader.Text(prompt, "prompt").Trim() != first.Trim()))
            throw context.Error($"a row has \"prompt\" beside \"{key}\", and it is not the first question of it",
                MessageReader.Text(prompt, "prompt") is { Length: <= 60 } text ? text : null,
                remedy: $"To train on {key} alone, set ignore_columns: [prompt].");
        return ChatRows.Make(messages, fields, context);
    }
}

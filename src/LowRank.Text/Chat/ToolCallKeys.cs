using System.Text.Json.Nodes;

namespace LowRank.Text.Chat;

/// <summary>The keys of a message's tool calls, both beside "function" and in it.</summary>
internal static class ToolCallKeys
{
    /// <summary>What stands before such a key in the setting ignore_columns and in messages.</summary>
    public const string Prefix = "tool_calls.";

    private static readonly string[] OfCalls = ["id", "type", "index", "function"], OfFunctions = ["name", "arguments"];

    /// <summary>Those that have a value and are no part of a call in OpenAI's form.</summary>
    public static IEnumerable<string> Others(JsonObject message)
        => Parts(message).SelectMany(part => part.Keys.Where(p => p.Value is not null && !part.Known.Contains(p.Key)).Select(p => p.Key));

    /// <summary>Takes some of those out of all calls of a message.</summary>
    public static void Remove(JsonObject message, Func<string, bool> isMeant)
    {
        foreach (var (keys, known) in Parts(message))
            foreach (string name in keys.Select(p => p.Key).Where(k => !known.Contains(k) && isMeant(k)).ToList()) keys.Remove(name);
    }

    private static IEnumerable<(JsonObject Keys, string[] Known)> Parts(JsonObject message)
    {
        foreach (var call in (message["tool_calls"] as JsonArray ?? []).OfType<JsonObject>())
        {
            yield return (call, call["function"] is null ? [.. OfCalls, .. OfFunctions] : OfCalls);
            if (call["function"] is JsonObject function) yield return (function, OfFunctions);
        }
    }
}

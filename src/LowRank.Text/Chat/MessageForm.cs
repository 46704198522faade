using System.Text.Json.Nodes;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>One message in OpenAI's present form, made of what others write: ShareGPT's from and value, other names of roles,
/// function_call, tool calls as JSON text.</summary>
internal static class MessageForm
{
    private const string CallForm = "{\"name\": …, \"arguments\": {…}} as JSON";

    /// <summary>Changes a message into that form. A tool's answer under another role stays as it is: templates may have the role.</summary>
    /// <exception cref="BadInputException">It has no role, or a call that cannot be read.</exception>
    public static void Apply(JsonObject message, string place)
    {
        if (!message.ContainsKey("role") && message.ContainsKey("from")) FromShareGpt(message, place);
        else if (message["role"] is not null
            && message.FirstOrDefault(p => p.Key is "from" or "value" && p.Value is not null).Key is { } second)
            throw new BadInputException($"{place} has both \"role\" and \"{second}\"",
                $"the keys {string.Join(", ", message.Select(p => p.Key))}",
                expected: "\"role\" and \"content\", or \"from\" and \"value\"",
                remedy: $"Take \"{second}\" out, or put what it says into \"{(second == "from" ? "role" : "content")}\".");
        if (message["role"] is not JsonValue value || !value.TryGetValue(out string? role))
            throw new BadInputException($"{place} has no \"role\"", message.Count == 0 ? "no keys"
                : "the keys " + string.Join(", ", message.Select(p => p.Key)), expected: $"\"role\" (or \"from\") with {Roles.Expected}");
        Roles.RefuseMisspelt(role, place);
        if (Roles.Meant(role) is { } meant && !Roles.IsOtherToolName(role)) message["role"] = meant;
        if (message["function_call"] is { } call)
        {
            if (message["tool_calls"] is JsonArray { Count: > 0 })
                throw new BadInputException($"{place} has both \"function_call\" and \"tool_calls\"", remedy: "Keep one of the two.");
            message.Remove("function_call");
            message["tool_calls"] = ToolCalls(call, place);
        }
        if (message["tool_calls"] is JsonValue text)
            message["tool_calls"] = text.TryGetValue(out string? json) && List(json, place) is { } list ? list
                : throw new BadInputException($"{place}.tool_calls is no list of calls", Shown(text),
                    expected: "[{\"function\": {\"name\": …, \"arguments\": {…}}}]");
    }

    private static void FromShareGpt(JsonObject message, string place)
    {
        string from = message["from"] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
        bool calls = from.Trim().Equals("function_call", StringComparison.OrdinalIgnoreCase);
        if (!calls && Roles.Meant(from) is null) Roles.RefuseMisspelt(from, place);
        string? role = calls ? "assistant" : Roles.Meant(from)
            ?? throw new BadInputException($"{place} is from nobody known", message["from"]?.ToJsonString(),
            expected: $"human, gpt, function_call, observation, {Roles.Expected}");
        var said = message["value"];
        message.Remove("from");
        message.Remove("value");
        message["role"] = role;
        if (calls) message["tool_calls"] = ToolCalls(said, place);
        else if (said is not null && message["content"] is not null)
            throw new BadInputException($"{place} has both \"value\" and \"content\"", remedy: "Keep one of the two.");
        else if (said is not null) message["content"] = said;
    }

    /// <summary>The call or calls that an object, a list or its JSON text holds.</summary>
    private static JsonArray ToolCalls(JsonNode? said, string place)
    {
        var calls = said is JsonValue value && value.TryGetValue(out string? text) ? MessageReader.Tree(text, place) : said;
        JsonNode?[] list = calls is JsonArray several ? [.. several] : [calls];
        if (list.Length > 0 && list.All(c => c is JsonObject o && o.ContainsKey("name")))
            return new JsonArray([.. list.Select(call => (JsonNode)new JsonObject { ["type"] = "function",
                ["function"] = call!.DeepClone() })]);
        throw new BadInputException($"{place} holds no function call", Shown(said), expected: CallForm);
    }

    private static JsonArray? List(string json, string place)
        => json.Trim() is "" or "null" ? [] : MessageReader.Tree(json, place) as JsonArray;

    private static string? Shown(JsonNode? node) => node?.ToJsonString() is { } text ? text.Length <= 60 ? text : text[..57] + "..." : null;
}

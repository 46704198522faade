using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Training;

/// <summary>A row's messages: checked, ShareGPT's names for things turned into OpenAI's, and without keys that are null.</summary>
internal static class MessageList
{
    private static readonly Dictionary<string, string> Speakers = new()
    {
        ["human"] = "user", ["user"] = "user", ["gpt"] = "assistant", ["chatgpt"] = "assistant", ["bing"] = "assistant", ["bard"] = "assistant", ["model"] = "assistant", ["assistant"] = "assistant",
        ["system"] = "system", ["developer"] = "developer", ["tool"] = "tool", ["function"] = "tool", ["function_response"] = "tool", ["observation"] = "tool", ["function_call"] = "function_call",
    };

    /// <summary>The messages of a list, at least one.</summary>
    public static IReadOnlyList<JsonObject> Read(JsonElement value, string key, RowContext context)
    {
        value = context.List(value, key, "a list of messages");
        if (value.GetArrayLength() == 0) throw context.Error($"\"{key}\" is an empty list", expected: "at least one message");
        return [.. value.EnumerateArray().Where(m => m.ValueKind != JsonValueKind.Null).Select((message, i) => Message(message, $"{key}[{i}]", context))];
    }

    /// <summary>As a template is given them.</summary>
    public static JsonElement Json(IReadOnlyList<JsonObject> messages) => JsonSerializer.SerializeToElement(messages);

    private static JsonObject Message(JsonElement element, string place, RowContext context)
    {
        if (element.ValueKind != JsonValueKind.Object) throw context.Error($"{place} is not a message", RowContext.Kind(element), "an object with \"role\" and \"content\"");
        JsonObject message = Copy(element, place, context);
        if (!message.ContainsKey("role") && message.ContainsKey("from")) FromShareGpt(message, place, context);
        if (message["role"] is not JsonValue role || role.GetValueKind() != JsonValueKind.String)
            throw context.Error($"{place} has no \"role\"", message.Count == 0 ? "no keys" : "the keys " + string.Join(", ", message.Select(p => p.Key)), "\"role\" (or \"from\") with system, user, assistant or tool");
        CheckContent(message["content"], place, context);
        if (message.Count == 1) throw context.Error($"{place} says nothing", $"only a \"role\", {role.ToJsonString()}", "\"content\" as well");
        return message;
    }

    private static JsonObject Copy(JsonElement element, string place, RowContext context)
    {
        JsonObject message = [];
        try
        {
            foreach (var property in element.EnumerateObject())
                if (property.Value.ValueKind != JsonValueKind.Null) message[property.Name] = Node(property.Value);
        }
        catch (InvalidOperationException e) { throw context.Error($"{place} holds half a surrogate pair", expected: "valid Unicode", inner: e); }
        return message;
    }

    /// <summary>A value as a node of its own; every text in it is looked at, as half a surrogate pair shows only then.</summary>
    private static JsonNode? Node(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => new JsonObject(value.EnumerateObject().GroupBy(p => p.Name).Select(g => KeyValuePair.Create(g.Key, Node(g.Last().Value)))),
        JsonValueKind.Array => new JsonArray([.. value.EnumerateArray().Select(Node)]),
        JsonValueKind.String => JsonValue.Create(value.GetString()),
        JsonValueKind.Null => null,
        _ => JsonNode.Parse(value.GetRawText()),
    };

    private static void FromShareGpt(JsonObject message, string place, RowContext context)
    {
        string from = message["from"] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
        if (!Speakers.TryGetValue(from, out string? role)) throw context.Error($"{place} is from nobody known", message["from"]?.ToJsonString(), string.Join(", ", Speakers.Keys));
        var said = message["value"];
        message.Remove("from");
        message.Remove("value");
        if (role == "function_call")
        {
            message["role"] = "assistant";
            message["tool_calls"] = new JsonArray([.. Calls(said, place, context).Select(call => (JsonNode)new JsonObject { ["type"] = "function", ["function"] = call })]);
            return;
        }
        message["role"] = role;
        if (said is not null) message["content"] = said;
    }

    /// <summary>The call or calls, {"name", "arguments"}, that a text of ShareGPT's function_call holds.</summary>
    private static IEnumerable<JsonNode> Calls(JsonNode? said, string place, RowContext context)
    {
        try
        {
            var calls = said is JsonValue value && value.TryGetValue(out string? text) ? JsonNode.Parse(text) : said;
            JsonNode[] list = calls is JsonArray several ? [.. several.Select(c => c!)] : [calls!];
            if (list.Length > 0 && list.All(c => c is JsonObject o && o.ContainsKey("name"))) return list.Select(c => c.DeepClone());
        }
        catch (JsonException) { }
        throw context.Error($"{place} holds no function call", expected: "{\"name\": …, \"arguments\": {…}} as JSON");
    }

    private static void CheckContent(JsonNode? content, string place, RowContext context)
    {
        if (content is null or JsonValue) return;
        if (content is not JsonArray parts) throw context.Error($"{place}.content is neither text nor a list of parts", "an object");
        foreach (var part in parts)
            if (part is not JsonObject o || o["type"] is not JsonValue type || !type.TryGetValue(out string? kind)) throw context.Error($"{place}.content has a part without a type", part?.ToJsonString() is { Length: < 60 } text ? text : null, "{\"type\": \"text\", \"text\": …}");
            else if (kind != "text") throw context.Error($"{place}.content has a part of type \"{kind}\"", expected: "parts of type \"text\"", remedy: "The model reads text only; leave such rows out.");
            else if (o["text"] is not JsonValue said || said.GetValueKind() != JsonValueKind.String) throw context.Error($"{place}.content has a part of type \"text\" without text");
    }
}

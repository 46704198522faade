using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>What a row or request has beside its messages: a system text, tools, documents, template variables. One rule for all formats
/// and verbs.</summary>
public static class ConversationParts
{
    private static readonly string[] Systems = ["system", "system_prompt", "system_message", "system_instruction"],
        VariableKeys = ["variables", "chat_template_kwargs"];

    /// <summary>The keys that are read here.</summary>
    public static IEnumerable<string> Keys => [.. Systems, "tools", "functions", "documents", .. VariableKeys];

    /// <summary>The system text beside the messages; null where there is none.</summary>
    /// <param name="field">The value of a key; null where it is not there.</param>
    /// <exception cref="BadInputException">It is no text, or there are two different ones.</exception>
    public static string? System(Func<string, JsonElement?> field)
    {
        (string Key, string Text)? found = null;
        foreach (string key in Systems)
        {
            if (field(key) is not { } value || MessageReader.Text(value, key) is not { Length: > 0 } text) continue;
            if (found is { } other && other.Text != text)
                throw new BadInputException($"a row has two system texts, \"{other.Key}\" and \"{key}\"", Shown(text),
                expected: Shown(other.Text), remedy: "Keep one of the two.");
            found ??= (key, text);
        }
        return found?.Text;
    }

    /// <summary>Puts the system text before the messages; where they begin with the same one it stays once.</summary>
    /// <exception cref="BadInputException">They begin with another one.</exception>
    public static IReadOnlyList<JsonObject> WithSystem(IReadOnlyList<JsonObject> messages, Func<string, JsonElement?> field)
    {
        if (System(field) is not { } text) return messages;
        if (messages.Count == 0 || messages[0]["role"]?.ToString() is not ("system" or "developer"))
            return [new JsonObject { ["role"] = "system", ["content"] = text }, .. messages];
        string there = TextOf(messages[0]["content"]);
        return there == text ? messages
            : throw new BadInputException("a row has two system texts, one beside its messages and another as the first of them",
                Shown(text), expected: Shown(there), remedy: "Keep one of the two.");
    }

    /// <summary>What a template is given: messages, tools, documents, variables.</summary>
    /// <exception cref="BadInputException">One of them has another shape.</exception>
    public static ChatRequest Request(IReadOnlyList<JsonObject> messages, Func<string, JsonElement?> field)
    {
        Dictionary<string, JsonElement> variables = new(StringComparer.Ordinal);
        foreach (string key in VariableKeys)
            foreach (var property in Variables(field(key), key))
                if (!variables.TryAdd(property.Name, property.Value))
                    throw new BadInputException($"\"{property.Name}\" stands in \"variables\" and in \"chat_template_kwargs\"",
                    remedy: "Keep one of the two.");
        return new ChatRequest { Messages = MessageReader.Json(messages), Tools = Tools(field),
            Documents = Objects(field("documents"), "documents"), Variables = variables };
    }

    // OpenAI's older "functions" are the tools without what each is wrapped in now.
    private static JsonElement? Tools(Func<string, JsonElement?> field)
    {
        var tools = Objects(field("tools"), "tools");
        if (Objects(field("functions"), "functions") is not { } functions) return tools;
        if (tools is not null) throw new BadInputException("a row has both \"tools\" and \"functions\"", remedy: "Keep one of the two.");
        return MessageReader.Written(functions.EnumerateArray().Select(f => new { type = "function", function = f }), "functions");
    }

    /// <summary>A list of objects, each perhaps as its JSON text, or all of it as one; an empty text or list is none.</summary>
    private static JsonElement? Objects(JsonElement? given, string key)
    {
        const string Expected = "a list of objects";
        if (given is not { } value || IsNothing(value, key)) return null;
        value = MessageReader.List(value, key, Expected);
        if (value.GetArrayLength() == 0) return null;
        List<JsonElement> items = [];
        foreach (var item in value.EnumerateArray())
        {
            var one = item.ValueKind == JsonValueKind.String
                ? MessageReader.Parsed(MessageReader.Text(item, $"{key}[{items.Count}]"), $"{key}[{items.Count}]", "an object, or its JSON")
                : item;
            items.Add(one.ValueKind == JsonValueKind.Object ? one
                : throw new BadInputException($"\"{key}\"[{items.Count}] is no object", MessageReader.Kind(one), expected: Expected));
        }
        return MessageReader.Written(items, key);
    }

    private static IEnumerable<JsonProperty> Variables(JsonElement? given, string key)
    {
        if (given is not { } value || IsNothing(value, key)) return [];
        if (value.ValueKind == JsonValueKind.String) value = MessageReader.Parsed(MessageReader.Text(value, key), key, "an object");
        if (value.ValueKind != JsonValueKind.Object)
            throw new BadInputException($"\"{key}\" is no object", MessageReader.Kind(value),
            expected: "template variables by their names");
        return MessageReader.Written(value, key).EnumerateObject();
    }

    private static bool IsNothing(JsonElement value, string key) => value.ValueKind == JsonValueKind.Null
        || (value.ValueKind == JsonValueKind.String && MessageReader.Text(value, key).Trim() is "" or "null");

    private static string TextOf(JsonNode? content) => content switch
    {
        JsonArray parts => string.Join('\n', parts.Select(p => p?["text"]?.ToString() ?? "")),
        _ => content?.ToString() ?? "",
    };

    private static string Shown(string text) => JsonSerializer.Serialize(text.Length <= 60 ? text : text[..57] + "...");
}

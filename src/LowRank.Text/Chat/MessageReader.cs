using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>A list of messages as data and requests hold it, in OpenAI's present form and without keys that are null. Training, `generate`,
/// `render` and `data` read messages here.</summary>
public static partial class MessageReader
{
    /// <summary>The messages of a list (or of its JSON as a text), at least one.</summary>
    /// <param name="value">The list.</param>
    /// <param name="key">What it is called, for errors.</param>
    /// <param name="ignored">Keys of messages that are left out because the user says so; null: none.</param>
    /// <exception cref="BadInputException">It is no list of messages; says which message is wrong.</exception>
    public static IReadOnlyList<JsonObject> Read(JsonElement value, string key, IgnoredKeys? ignored = null)
    {
        value = List(Transposed(value), key, "a list of messages");
        if (value.GetArrayLength() == 0) throw new BadInputException($"\"{key}\" is an empty list", expected: "at least one message");
        return [.. value.EnumerateArray().Select((message, i) => Message(message, $"{key}[{i}]", ignored))];
    }

    /// <summary>As a template is given them.</summary>
    public static JsonElement Json(IReadOnlyList<JsonObject> messages) => Written(messages, "messages");

    /// <summary>A tree as one value.</summary>
    /// <exception cref="BadInputException">Half a surrogate pair in it, or a nest that is too deep, which show only here.</exception>
    internal static JsonElement Written<T>(T tree, string what)
    {
        try { return JsonSerializer.SerializeToElement(tree); }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BadInputException($"\"{what}\" cannot be used: it holds half a surrogate pair, or is nested too deep",
                expected: "valid Unicode, at most 64 levels in all", inner: e);
        }
    }

    /// <summary>The tree of the JSON that a text holds; null where it holds none.</summary>
    /// <exception cref="BadInputException">A key stands twice, or a text is no Unicode.</exception>
    internal static JsonNode? Tree(string json, string what)
    {
        try
        {
            using var parsed = StrictJson.Parse(json);
            return Guarded(() => Node(parsed.RootElement), what);
        }
        catch (JsonException) { return null; }
    }

    /// <summary>The tree of a value; of a key that stands twice, the last.</summary>
    /// <exception cref="BadInputException">A text is no Unicode.</exception>
    internal static JsonNode? Tree(JsonElement value, string what) => Guarded(() => Node(value), what);

    /// <summary>A list, or the list whose JSON a text holds (as in .csv).</summary>
    /// <exception cref="BadInputException">Something else.</exception>
    public static JsonElement List(JsonElement value, string key, string expected = "a list")
    {
        if (value.ValueKind == JsonValueKind.String && Text(value, key) is var text
            && text.AsSpan().TrimStart() is ['[', ..]) value = Parsed(text, key, expected);
        return value.ValueKind == JsonValueKind.Array ? value
            : throw new BadInputException($"\"{key}\" is not a list", Kind(value), expected: expected);
    }

    /// <summary>Whether a text is a conversation, or a list of messages, as JSON (or as Python prints it): learnt as it is, a model would
    /// learn to write JSON.</summary>
    public static bool IsWrittenIn(string text)
    {
        var trimmed = text.AsSpan().Trim();
        if (trimmed.Length < 2 || (trimmed[0], trimmed[^1]) is not (('[', ']') or ('{', '}'))) return false;
        if (PythonMessages().IsMatch(text)) return true;
        try
        {
            using var parsed = JsonDocument.Parse(text);
            var root = parsed.RootElement;
            return root.ValueKind == JsonValueKind.Object
                ? ((string[])["messages", "conversations"]).Any(k => root.TryGetProperty(k, out var list) && IsList(list)) : IsList(root);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) { return false; }
    }

    private static bool IsList(JsonElement value)
        => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
            && value.EnumerateArray().All(m => ChatMessages.RoleOf(m) is not null || ChatMessages.RoleOf(m, "from") is not null);

    [GeneratedRegex(@"^\s*\[\s*\{\s*'(role|content|from|value)'\s*:")]
    private static partial Regex PythonMessages();

    /// <summary>The JSON that a text holds.</summary>
    /// <exception cref="BadInputException">It holds none.</exception>
    internal static JsonElement Parsed(string text, string key, string expected)
    {
        try
        {
            using var parsed = StrictJson.Parse(text);
            return parsed.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new BadInputException($"\"{key}\" is a text that is no JSON", text.Length <= 40 ? text : text[..37] + "...",
                expected: expected, inner: e);
        }
    }

    /// <summary>A text.</summary>
    /// <exception cref="BadInputException">It is none.</exception>
    public static string Text(JsonElement value, string key)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw new BadInputException($"\"{key}\" is not text", Kind(value), expected: "a string");
        return Guarded(() => value.GetString()!, $"\"{key}\"");
    }

    /// <summary>What a value is, for messages.</summary>
    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    // {"role": [...], "content": [...]}: the datasets library writes lists of objects so.
    private static JsonElement Transposed(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) return value;
        List<JsonProperty> lists = [.. value.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null)];
        if (lists.Count == 0 || !lists.All(p => p.Value.ValueKind == JsonValueKind.Array
            && p.Value.GetArrayLength() == lists[0].Value.GetArrayLength())) return value;
        try
        {
            return JsonSerializer.SerializeToElement(Enumerable.Range(0,
                lists[0].Value.GetArrayLength()).Select(i => lists.ToDictionary(p => p.Name, p => p.Value[i])));
        }
        // names that are no text, or doubled
        catch (Exception e) when (e is InvalidOperationException or ArgumentException) { return value; }
    }

    private static JsonObject Message(JsonElement element, string place, IgnoredKeys? ignored)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw new BadInputException($"{place} is not a message", Kind(element), expected: "an object with \"role\" and \"content\"");
        JsonObject message = Copy(element, place, ignored);
        MessageForm.Apply(message, place);
        if (ignored is not null) ToolCallKeys.Remove(message, key => ignored.Take(ToolCallKeys.Prefix + key));
        RefuseMisspelt(message, place);
        CheckContent(message["content"], place);
        if (message.Count == 1)
            throw new BadInputException($"{place} says nothing", $"only a \"role\", {message["role"]!.ToJsonString()}",
            expected: "\"content\" as well");
        return message;
    }

    private static readonly string[] Meaningful = ["content", "tool_calls", "reasoning_content", .. TurnWeight.Names];

    // Whether a template reads a key shows when it renders; what is nearly a key that means something is wrong in any case.
    private static void RefuseMisspelt(JsonObject message, string place)
    {
        foreach (var (key, _) in message)
            if (key.Length > 3 && !Meaningful.Contains(key) && !KnownKeys.IsHarmless(key)
                && NearNames.Sentence(key, Meaningful, within: key.Length < 6 ? 1 : 2) is { } near)
                throw new BadInputException($"{place} has a key that is not known", key, remedy: near);
    }

    private static JsonObject Copy(JsonElement element, string place, IgnoredKeys? ignored)
    {
        JsonObject message = [];
        foreach (var property in element.EnumerateObject())
        {
            string name = Guarded(() => property.Name, place);
            if (message.ContainsKey(name))
                throw new BadInputException($"{place} has the key \"{name}\" twice", remedy: "Keep one of the two.");
            if (ignored?.Take(name) != true && property.Value.ValueKind != JsonValueKind.Null)
                message[name] = Guarded(() => Node(property.Value), place);
        }
        return message;
    }

    private static T Guarded<T>(Func<T> read, string what)
    {
        try { return read(); }
        catch (InvalidOperationException e)
        {
            throw new BadInputException($"{what} holds half a surrogate pair", expected: "valid Unicode", inner: e);
        }
    }

    /// <summary>A value as a node of its own; every text in it is looked at, as half a surrogate pair shows only then.</summary>
    private static JsonNode? Node(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => new JsonObject(value.EnumerateObject().GroupBy(p => p.Name).Select(g => KeyValuePair.Create(g.Key,
            Node(g.Last().Value)))),
        JsonValueKind.Array => new JsonArray([.. value.EnumerateArray().Select(Node)]),
        JsonValueKind.String => JsonValue.Create(value.GetString()),
        JsonValueKind.Null => null,
        _ => JsonNode.Parse(value.GetRawText()),
    };

    private static void CheckContent(JsonNode? content, string place)
    {
        if (content is null || (content is JsonValue text && text.GetValueKind() == JsonValueKind.String)) return;
        if (content is not JsonArray parts)
            throw new BadInputException($"{place}.content is neither text nor a list of parts", content is JsonObject ? "an object"
            : content.ToJsonString());
        foreach (var part in parts)
            if (part is not JsonObject o || o["type"] is not JsonValue type || !type.TryGetValue(out string? kind))
                throw new BadInputException($"{place}.content has a part without a type", part?.ToJsonString() is { Length: < 60 } shown
                ? shown : null, expected: "{\"type\": \"text\", \"text\": …}");
            else if (kind != "text")
                throw new BadInputException($"{place}.content has a part of type \"{kind}\"", expected: "parts of type \"text\"",
                remedy: "The model reads text only; leave such rows out.");
            else if (o["text"] is not JsonValue said || said.GetValueKind() != JsonValueKind.String)
                throw new BadInputException($"{place}.content has a part of type \"text\" without text");
            else if (o.FirstOrDefault(p => p.Value is not null && p.Key is not ("type" or "text" or "cache_control")).Key is { } other)
                throw new BadInputException($"{place}.content has a part of type \"text\" with \"{other}\" as well",
                expected: "{\"type\": \"text\", \"text\": …}", remedy: "Leave it out.");
    }
}

using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Cli.Chat;

/// <summary>Conversations that a file holds: a list of messages, or an object with messages, tools and so on.</summary>
internal static class MessagesFile
{
    private const string Expected = "a list of {\"role\", \"content\"}, or {\"messages\": [...], \"tools\": [...]}";

    /// <summary>The one conversation of a .json file, to be answered.</summary>
    public static ChatRequest Read(string path)
    {
        if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
        try { return Of(JsonDocument.Parse(File.ReadAllText(path)).RootElement, path); }
        catch (JsonException e) { throw new BadInputException("the file is not JSON: " + e.Message, place: path, expected: Expected, inner: e); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new BadInputException("the file cannot be read: " + e.Message, place: path, inner: e); }
    }

    /// <summary>A conversation to be answered.</summary>
    /// <param name="row">The list or the object.</param>
    /// <param name="place">Where it stands.</param>
    public static ChatRequest Of(JsonElement row, string place)
    {
        if (row.ValueKind == JsonValueKind.Array) return new ChatRequest { Messages = row, AddGenerationPrompt = true };
        JsonElement? Field(string name) => row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        JsonElement? List(string name) => Field(name) is not { } value ? null : value.ValueKind == JsonValueKind.Array ? value : throw new BadInputException("the value is no list", value.ValueKind.ToString(), $"{place}: {name}", "a list");
        var messages = List("messages") ?? throw new BadInputException("there are no messages", place: place, expected: Expected);
        Dictionary<string, JsonElement> variables = [];
        foreach (string name in (string[])["variables", "chat_template_kwargs"])
        {
            if (Field(name) is not { } values) continue;
            if (values.ValueKind != JsonValueKind.Object) throw new BadInputException("the value is no object", values.ValueKind.ToString(), $"{place}: {name}", "template variables by name");
            foreach (var p in values.EnumerateObject()) variables[p.Name] = p.Value;
        }
        return new ChatRequest { Messages = messages, Tools = List("tools"), Documents = List("documents"), Variables = variables, AddGenerationPrompt = true };
    }
}

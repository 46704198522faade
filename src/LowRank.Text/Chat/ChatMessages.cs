using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>Checks a list of messages in OpenAI's form, and rewrites what a template cannot read.</summary>
internal static class ChatMessages
{
    /// <summary>A message's role; null where it has none.</summary>
    public static string? RoleOf(JsonElement message, string key = "role")
        => message.ValueKind == JsonValueKind.Object && message.TryGetProperty(key, out var role) && role.ValueKind == JsonValueKind.String
            ? role.GetString() : null;

    /// <summary>The messages, checked, in OpenAI's form and readable by the template; weights are the trainer's and are taken
    /// out.</summary>
    /// <exception cref="BadInputException">Says which message is wrong, and how.</exception>
    public static JsonElement Prepare(JsonElement? messages, TemplateProbe probe, ChatTemplate template)
    {
        if (messages is not { ValueKind: JsonValueKind.Array } list) throw new BadInputException("the messages are no list", messages?.ValueKind.ToString(), "messages", "a list of {\"role\", \"content\"}");
        if (list.GetArrayLength() == 0) throw new BadInputException("the conversation has no messages", place: "messages", expected: "at least one {\"role\", \"content\"}");
        List<JsonElement> prepared = [];
        bool changed = false;
        foreach (var element in list.EnumerateArray())
        {
            var message = new Node(element, $"messages[{prepared.Count}]");
            var formed = Formed(message, template);
            message = message with { Element = formed ?? element };
            Check(message);
            var rewritten = Rewritten(message, probe) ?? formed;
            prepared.Add(rewritten ?? element);
            changed |= rewritten is not null;
        }
        return changed ? MessageReader.Written(prepared, "messages") : list;
    }

    // In OpenAI's form and without weights; null where it is so already.
    private static JsonElement? Formed(Node message, ChatTemplate template)
    {
        List<string> names = [.. message.Fields().Select(f => f.Name)]; // every name has to be text
        string? role = message["role"].Element.ValueKind == JsonValueKind.String ? message["role"].String() : null;
        bool renamed = role is not null && Roles.IsOtherToolName(role) && !template.KnowsRole(role);
        if (role is not null && Roles.Meant(role) == role
            && !names.Any(n => n is "function_call" or "from" or "value" || TurnWeight.Names.Contains(n))
            && message["tool_calls"].Element.ValueKind != JsonValueKind.String) return null;
        JsonObject copy = JsonObject.Create(message.Element.Clone())!;
        try
        {
            foreach (string weight in TurnWeight.Names) copy.Remove(weight);
            MessageForm.Apply(copy, message.Place);
        }
        catch (ArgumentException e) { throw new BadInputException("a message has a key twice", place: message.Place, inner: e); }
        if (renamed) copy["role"] = "tool";
        return MessageReader.Written(copy, message.Place);
    }

    private static void Check(Node message)
    {
        string role = message.Required("role").String();
        if (!message["tool_calls"].IsNull)
        {
            foreach (var call in message["tool_calls"].Items()) CheckCall(call);
            if (MessageReader.Tree(message.Element, message.Place) is JsonObject tree
                && ToolCallKeys.Others(tree).FirstOrDefault(k => TurnWeight.Names.Contains(k)) is { } weight)
                throw new BadInputException("a call has a weight of its own, and only whole turns are learnt or not", weight,
                    message.Place + ".tool_calls", remedy: $"Put it beside \"role\", or leave it out (in data: "
                        + $"ignore_columns: [{ToolCallKeys.Prefix}{weight}]).");
        }
        var content = message["content"];
        if (content.IsNull)
        {
            if (role != "assistant" || (message["tool_calls"].IsNull && !ReasoningKeys.Any(k => !message[k].IsNull))) throw new BadInputException("the message has no content", place: message.Place, expected: "a text");
        }
        else if (content.Element.ValueKind == JsonValueKind.Array) foreach (var part in content.Items()) CheckPart(part);
        else content.String();
    }

    private static readonly string[] ReasoningKeys = ["reasoning_content", "reasoning", "thinking"];

    private static void CheckPart(Node part)
    {
        string type = part.Required("type").String();
        if (type != "text") throw new BadInputException($"the model reads text only, and a part of the message is of another kind", type, part.Place, "{\"type\": \"text\", \"text\"}", "Leave the row out, or replace the part by a text that describes it.");
        part.Required("text").String();
    }

    private static void CheckCall(Node call)
    {
        var function = call["function"].IsNull ? call : call["function"];
        function.Required("name").String();
        var arguments = function["arguments"];
        if (!arguments.IsNull && arguments.Element.ValueKind is not (JsonValueKind.Object or JsonValueKind.String)) throw arguments.Wrong("an object, or its JSON as a string");
    }

    private static JsonElement? Rewritten(Node message, TemplateProbe template)
    {
        bool joins = message["content"].Element.ValueKind == JsonValueKind.Array && !template.ReadsParts;
        bool parses = !message["tool_calls"].IsNull && message["tool_calls"].Items().Any(c => Arguments(c).Element.ValueKind == JsonValueKind.String) && template.WantsObjects;
        if (!joins && !parses) return null;
        var copy = JsonObject.Create(message.Element.Clone())!;
        if (joins) copy["content"] = string.Join('\n', message["content"].Items().Select(p => p["text"].String()));
        if (parses)
        {
            int i = 0;
            foreach (var call in message["tool_calls"].Items())
            {
                var node = copy["tool_calls"]![i++]!.AsObject();
                if (Arguments(call) is { Element.ValueKind: JsonValueKind.String } text) (node["function"] as JsonObject ?? node)["arguments"] = Parsed(text);
            }
        }
        return MessageReader.Written(copy, message.Place);
    }

    private static Node Arguments(Node call) => (call["function"].IsNull ? call : call["function"])["arguments"];

    private static JsonObject Parsed(Node text)
    {
        string json = text.String();
        if (string.IsNullOrWhiteSpace(json)) return [];
        if (MessageReader.Tree(json, text.Place) is JsonObject arguments) return arguments;
        throw new BadInputException("the arguments of the tool call are not a JSON object, which the chat template needs", json.Length > 80 ? json[..77] + "..." : json, text.Place, "such as {\"city\": \"Oslo\"}");
    }
}

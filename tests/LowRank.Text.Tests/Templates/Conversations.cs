using System.Text.Json.Nodes;

namespace LowRank.Text.Tests.Templates;

/// <summary>Conversations made at random, as templates see them.</summary>
internal sealed class Conversations(Random random)
{
    private static readonly string[] Words = ["Hello", "how", "are", "you?", "naïve", "日本語", "😀", "<b>&\"'</b>", "{{ x }}", "\n", "  ", "\t", "<think>", "</think>", "2+2=4.", "a\\b", "[1, 2]", "{\"k\": 1}", "It's", "fine.", "<|im_end|>", "/no_think"];

    /// <summary>The variables of a rendering.</summary>
    public JsonObject Next()
    {
        var messages = new JsonArray();
        if (random.Next(2) == 0) messages.Add((JsonNode)Message("system"));
        int turns = random.Next(1, 6);
        for (int i = 0; i < turns; i++)
        {
            messages.Add((JsonNode)Message("user"));
            if (i < turns - 1 || random.Next(2) == 0) messages.Add((JsonNode)Assistant());
            if (random.Next(8) == 0) Tool(messages);
        }
        var variables = new JsonObject { ["messages"] = messages, ["add_generation_prompt"] = random.Next(2) == 0, ["tools"] = random.Next(4) == 0 ? Tools() : null, ["documents"] = null };
        if (random.Next(4) == 0) variables["enable_thinking"] = random.Next(2) == 0;
        return variables;
    }

    private JsonObject Message(string role) => new() { ["role"] = role, ["content"] = Text() };

    private JsonObject Assistant()
    {
        var message = Message("assistant");
        if (random.Next(4) == 0) message["reasoning_content"] = message["thinking"] = null;
        if (random.Next(4) == 0)
        {
            string thought = Text();
            (message["reasoning_content"], message["thinking"]) = (thought, thought);
        }
        foreach (string key in (string[])["reasoning_content", "thinking"])
            if (message.ContainsKey(key) && message[key] is null) message.Remove(key);
        return message;
    }

    private void Tool(JsonArray messages)
    {
        var call = new JsonObject { ["id"] = "call00001", ["type"] = "function", ["function"] = new JsonObject { ["name"] = "find", ["arguments"] = Arguments() } };
        var assistant = new JsonObject { ["role"] = "assistant", ["content"] = random.Next(2) == 0 ? "" : Text(), ["tool_calls"] = new JsonArray(call) };
        messages.Add((JsonNode)assistant);
        messages.Add((JsonNode)new JsonObject { ["role"] = "tool", ["name"] = "find", ["tool_call_id"] = "call00001", ["content"] = Text() });
        messages.Add((JsonNode)Message("assistant"));
    }

    private JsonObject Arguments() => new() { ["query"] = Text(), ["count"] = random.Next(-5, 100), ["exact"] = random.Next(2) == 0, ["tags"] = new JsonArray(Text(), null, 1), ["more"] = new JsonObject { ["a"] = new JsonObject(), ["b"] = new JsonArray() } };

    private JsonArray Tools() => [new JsonObject
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = "find", ["description"] = Text(),
            ["parameters"] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["query"] = new JsonObject { ["type"] = "string", ["description"] = Text() }, ["count"] = new JsonObject { ["type"] = "integer" } }, ["required"] = new JsonArray("query") },
        },
    }];

    private string Text() => string.Join(random.Next(4) == 0 ? "\n" : " ", Enumerable.Range(0, random.Next(12)).Select(_ => Words[random.Next(Words.Length)]));
}

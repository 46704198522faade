using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>What a template passes over of that which it is given: it would be lost without a word.</summary>
internal static class UnreadKeys
{
    private static readonly string[] Reasoning = ["reasoning_content", "thinking", "reasoning"],
        Known = ["role", "content", .. Reasoning, "tool_calls", "name", "tool_call_id"];

    /// <summary>Refuses tools, documents, variables and keys of messages that the template does not read, all at once.</summary>
    /// <exception cref="BadInputException">Names them.</exception>
    public static void Refuse(ChatEncoder encoder, ChatTemplate template, ChatRequest request)
    {
        Lazy<ChatRequest> prepared = new(() => encoder.Prepare(request));
        Lazy<string?> whole = new(() => Rendered(encoder, prepared.Value));
        List<string> unread = [.. Given(request).Where(g => !IsMentioned(template, g.Name) && whole.Value is { } text
            && Rendered(encoder, g.Without(prepared.Value)) == text).Select(g => g.Name)];
        if (unread.Count == 0) return;
        string list = string.Join(", ", unread.Select(n => $"\"{n}\""));
        throw new BadInputException($"the chat template does not read {list}: the model would never see {(unread.Count == 1 ? "it" : "them")}",
            remedy: $"{unread.Select(n => Known.Contains(n) ? null : NearNames.Sentence(n, Known, 2)).FirstOrDefault(s => s is not null)} Use a template that reads {(unread.Count == 1 ? "it" : "them")}, or leave {(unread.Count == 1 ? "it" : "them")} out (in data: ignore_columns: [{string.Join(", ", unread.Select(n => request.Variables.ContainsKey(n) ? "chat_template_kwargs" : n))}]).".TrimStart());
    }

    private static bool IsMentioned(ChatTemplate template, string name) => template.Mentions(name)
        || (Reasoning.Contains(name) && Reasoning.Any(template.Mentions));

    /// <summary>What is given beside roles and contents, and the request without it.</summary>
    private static IEnumerable<(string Name, Func<ChatRequest, ChatRequest> Without)> Given(ChatRequest request)
    {
        if (request.Tools is { ValueKind: JsonValueKind.Array } tools && tools.GetArrayLength() > 0)
            yield return ("tools", r => r with { Tools = null });
        if (request.Documents is { ValueKind: JsonValueKind.Array } documents && documents.GetArrayLength() > 0)
            yield return ("documents", r => r with { Documents = null });
        foreach (string name in request.Variables.Keys)
            yield return (name, r => r with { Variables = r.Variables.Where(v => v.Key != name).ToDictionary() });
        if (request.Messages is not { ValueKind: JsonValueKind.Array } messages) yield break;
        foreach (string name in Keys(messages)) yield return (name, r => r with { Messages = Without(r.Messages!.Value, name) });
    }

    private static HashSet<string> Keys(JsonElement messages)
    {
        HashSet<string> keys = [];
        foreach (var message in messages.EnumerateArray().Where(m => m.ValueKind == JsonValueKind.Object))
            foreach (var property in message.EnumerateObject())
                if (property.Value.ValueKind != JsonValueKind.Null
                    && !(property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() == 0)
                    && property.Name is not ("role" or "content" or "from" or "value") && !TurnWeight.Names.Contains(property.Name)
                        && !KnownKeys.IsHarmless(property.Name)) keys.Add(property.Name);
        return keys;
    }

    private static JsonElement Without(JsonElement messages, string name)
    {
        var copy = JsonArray.Create(messages.Clone())!;
        foreach (var message in copy) (message as JsonObject)?.Remove(name);
        return JsonSerializer.SerializeToElement(copy);
    }

    private static string? Rendered(ChatEncoder encoder, ChatRequest request)
    {
        try { return encoder.Render(request).Text; }
        catch (BadInputException) { return null; } // told where it is rendered to be used
    }
}

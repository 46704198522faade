using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>What a template passes over of that which it is given: it would be lost without a word.</summary>
internal static class UnreadKeys
{
    private const string Mark = "lowrankprobe";

    private static readonly string[] Reasoning = ["reasoning_content", "thinking", "reasoning"],
        Known = ["role", "content", .. Reasoning, "tool_calls", "name", "tool_call_id"];

    // What is given: its name, the request without it, whether it is a remark, or a whole turn.
    private sealed record Given(string Name, Func<ChatRequest, ChatRequest> Without, bool IsRemark = false, bool IsTurn = false);

    /// <summary>Refuses tools, documents, variables and keys of messages and calls that the template does not read, all at once; gives
    /// the messages' remarks (<see cref="KnownKeys"/>) that it does not read.</summary>
    /// <exception cref="BadInputException">Names them.</exception>
    public static IReadOnlyList<string> Refuse(ChatEncoder encoder, ChatTemplate template, ChatRequest request)
    {
        Lazy<ChatRequest> prepared = new(() => encoder.Prepare(request));
        Lazy<string?> whole = new(() => Rendered(encoder, prepared.Value));
        List<Given> passed = [.. All(template, request).Where(g => (g.IsRemark || g.IsTurn || !IsMentioned(template, g.Name)) && whole.Value is { } text
            && Rendered(encoder, g.Without(prepared.Value)) == text)];
        string[] unread = [.. passed.Where(g => !g.IsRemark).Select(g => g.Name)];
        if (unread.Length == 0) return [.. passed.Select(g => "messages." + g.Name)];
        string list = string.Join(", ", unread.Select(n => $"\"{n}\"")), them = unread.Length == 1 ? "it" : "them";
        string columns = string.Join(", ", passed.Where(g => !g.IsRemark && !g.IsTurn)
            .Select(g => request.Variables.ContainsKey(g.Name) ? "chat_template_kwargs" : g.Name));
        string? near = unread.Select(n => Known.Contains(n) ? null : NearNames.Sentence(n, Known, 2)).FirstOrDefault(s => s is not null);
        throw new BadInputException($"the chat template does not read {list}: the model would never see {them}", remedy:
            $"{near} Use a template that reads {them}, or leave {them} out{(columns.Length == 0 ? "" : $" (in data: ignore_columns: [{columns}])")}.".TrimStart());
    }

    private static bool IsMentioned(ChatTemplate template, string name) => template.Mentions(name)
        || (Reasoning.Contains(name) && Reasoning.Any(template.Mentions));

    /// <summary>What is given beside roles and contents, and the turns that a template may pass over.</summary>
    private static IEnumerable<Given> All(ChatTemplate template, ChatRequest request)
    {
        if (request.Tools is { ValueKind: JsonValueKind.Array } tools && tools.GetArrayLength() > 0)
            yield return new("tools", r => r with { Tools = null });
        if (request.Documents is { ValueKind: JsonValueKind.Array } documents && documents.GetArrayLength() > 0)
            yield return new("documents", r => r with { Documents = null });
        foreach (string name in request.Variables.Keys)
            yield return new(name, r => r with { Variables = r.Variables.Where(v => v.Key != name).ToDictionary() });
        if (request.Messages is not { ValueKind: JsonValueKind.Array } messages) yield break;
        JsonObject[] turns = [.. ((JsonArray)MessageReader.Tree(messages, "messages")!).OfType<JsonObject>()];
        foreach (var (i, turn) in turns.Index())
            if (RoleOf(turn) is { } role && MayBePassed(template, role, i) && HasContent(turn))
                yield return new($"messages[{i}] ({role})", r => r with { Messages = Changed(r.Messages!.Value, all => all[i]!["content"] = Mark) },
                    IsTurn: true);
        foreach (string name in turns.SelectMany(Keys).Distinct())
            yield return new(name, r => r with { Messages = Without(r.Messages!.Value, m => m.Remove(name)) }, KnownKeys.IsHarmless(name));
        foreach (string name in turns.SelectMany(ToolCallKeys.Others).Distinct())
            yield return new(ToolCallKeys.Prefix + name,
                r => r with { Messages = Without(r.Messages!.Value, m => ToolCallKeys.Remove(m, key => key == name)) }, KnownKeys.IsHarmless(name));
    }

    private static IEnumerable<string> Keys(JsonObject message) => message.Where(p => p.Value is not (null or JsonArray { Count: 0 })
        && p.Key is not ("role" or "content" or "from" or "value") && !TurnWeight.Names.Contains(p.Key)).Select(p => p.Key);

    // Of a question and an answer every template says something; of a system text, where it knows the role, at the beginning; of tools.
    private static bool MayBePassed(ChatTemplate template, string role, int place) => role is not ("user" or "assistant")
        && !(template.KnowsRole(role) && (place == 0 || role == "tool"));

    private static string? RoleOf(JsonObject message)
        => (message["role"] ?? message["from"]) is JsonValue value && value.TryGetValue(out string? name) ? Roles.Meant(name) ?? name : null;

    private static bool HasContent(JsonObject message) => (message["content"] ?? message["value"]) is { } content
        && !(content is JsonValue value && value.TryGetValue(out string? text) && string.IsNullOrWhiteSpace(text));

    private static JsonElement Without(JsonElement messages, Action<JsonObject> remove) => Changed(messages, all =>
    {
        foreach (var message in all.OfType<JsonObject>()) remove(message);
    });

    private static JsonElement Changed(JsonElement messages, Action<JsonArray> change)
    {
        var copy = JsonArray.Create(messages.Clone())!;
        change(copy);
        return JsonSerializer.SerializeToElement(copy);
    }

    private static string? Rendered(ChatEncoder encoder, ChatRequest request)
    {
        try { return encoder.Render(request).Text; }
        catch (BadInputException) { return null; } // told where it is rendered to be used
    }
}

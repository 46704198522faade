using System.Globalization;
using System.Text.Json;
using LowRank.TestKit;
using LowRank.Text.Templates;

namespace LowRank.Text.Tests.Templates;

/// <summary>What the goldens' files say, and how ours compares with it.</summary>
internal static class TemplateGoldens
{
    public static JsonElement Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.Clone();
    }

    public static DateTime Now(JsonElement file) => DateTime.Parse(file.GetProperty("now").GetString()!, CultureInfo.InvariantCulture);

    public static Dictionary<string, JsonElement> Variables(params JsonElement?[] sources)
    {
        Dictionary<string, JsonElement> variables = [];
        foreach (var source in sources)
            if (source is { } s && s.TryGetProperty("variables", out var given))
                foreach (var p in given.EnumerateObject()) variables[p.Name] = p.Value;
        return variables;
    }

    public static ChatRequest Chat(JsonElement chat, JsonElement real, DateTime now) => new()
    {
        Messages = chat.GetProperty("messages"),
        Tools = Optional(chat, "tools"),
        Documents = Optional(chat, "documents"),
        AddGenerationPrompt = Optional(chat, "add_generation_prompt") is { ValueKind: JsonValueKind.True },
        ContinueFinalMessage = Optional(chat, "continue_final_message") is { ValueKind: JsonValueKind.True },
        Variables = Variables(real, chat),
        Now = now,
    };

    public static JsonElement? Optional(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? value : null;

    /// <summary>The difference between what a template gives and what the golden expects; null where there is none.</summary>
    public static string? Difference(Func<RenderedChat> render, JsonElement expected)
    {
        string? text = expected.TryGetProperty("text", out var t) ? t.GetString() : null;
        try
        {
            var rendered = render();
            if (text is null) return $"gives {Show(rendered.Text)} instead of {expected}";
            if (rendered.Text != text) return $"gives {Show(rendered.Text)}\n      not   {Show(text)}";
            var spans = Optional(expected, "generation") is { } g ? g.EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetInt32())).ToList() : [];
            return spans.SequenceEqual(rendered.Generation) ? null : $"generation {string.Join(' ', rendered.Generation)} instead of {string.Join(' ', spans)}";
        }
        catch (TemplateException e)
        {
            if (text is not null) return $"fails with {e.Kind}: {e.Message} instead of {Show(text)}";
            string kind = expected.GetProperty("error").GetProperty("kind").GetString()!, ours = e.Kind.ToString().ToLowerInvariant();
            bool same = Group(kind) == Group(ours) && (kind != "raised" || expected.GetProperty("error").GetProperty("message").GetString() == e.Reason);
            return same ? null : $"fails with {ours}: {e.Message} instead of {expected.GetProperty("error")}";
        }
    }

    private static string Group(string kind) => kind == "undefined" ? "runtime" : kind;

    private static string Show(string text) => JsonSerializer.Serialize(text.Length > 300 ? text[..300] + "…" : text, new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

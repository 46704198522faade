using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>What a template can read, found out by rendering small conversations with it.</summary>
internal sealed class TemplateProbe
{
    private const string Mark = "lowrankprobe";
    private const string Arguments = $$"""{"{{Mark}}":"x"}""";
    private readonly ChatEncoder _encoder;
    private readonly Lazy<bool> _parts, _objects;

    /// <summary>Probes when first asked.</summary>
    public TemplateProbe(ChatEncoder encoder)
    {
        _encoder = encoder;
        _parts = new(() => Rendered(Conversation($$"""[{"type":"text","text":"{{Mark}}"}]""")) is { } text && text.Contains(Mark, StringComparison.Ordinal) && !text.Contains("type", StringComparison.Ordinal));
        _objects = new(FindObjects);
    }

    /// <summary>Whether it reads a content that is a list of parts.</summary>
    public bool ReadsParts => _parts.Value;

    /// <summary>Whether it wants a tool call's arguments as an object: written as a string they would fail, or come out quoted twice.</summary>
    public bool WantsObjects => _objects.Value;

    /// <summary>The special token that it puts behind an assistant's turn; null where there is none.</summary>
    public int? TurnEnd(Tokenizer tokenizer)
    {
        if (Rendered($$"""[{"role":"user","content":"a"},{"role":"assistant","content":"{{Mark}}"}]""") is not { } text) return null;
        int at = text.LastIndexOf(Mark, StringComparison.Ordinal);
        if (at < 0) return null;
        return tokenizer.Encode(text[(at + Mark.Length)..], addSpecialTokens: false).Select(id => (int?)id).FirstOrDefault(id => TurnEnds.CanEnd(tokenizer, id!.Value));
    }

    /// <summary>
    /// What goes wrong in a question, or in an answer, however it is put: alone, after a system message, as parts. Null where one way
    /// works, or where the template refuses by itself, as for want of something.
    /// </summary>
    public TemplateException? Fault()
    {
        const string Parts = $$"""[{"type":"text","text":"{{Mark}}"}]""", Text = $"\"{Mark}\"";
        const string System = $$"""{"role":"system","content":"{{Mark}}"},""";
        string Question(string content) => $$"""{"role":"user","content":{{content}}}""";
        string Answer(string content) => $$"""{{Question(content)}},{"role":"assistant","content":{{content}}}""";
        TemplateException? FaultOf(Func<string, string> said, bool prompt)
        {
            TemplateException? first = null;
            foreach (string messages in (string[])[said(Text), System + said(Text), said(Parts)])
            {
                if (Failure($"[{messages}]", prompt) is not { Kind: not TemplateErrorKind.Raised } failure) return null;
                first ??= failure;
            }
            return first;
        }
        return FaultOf(Question, prompt: true) ?? FaultOf(Answer, prompt: false);
    }

    private TemplateException? Failure(string messages, bool prompt)
    {
        try
        {
            _encoder.Render(new ChatRequest { Messages = JsonDocument.Parse(messages).RootElement, AddGenerationPrompt = prompt });
            return null;
        }
        catch (BadInputException e) when (e.InnerException is TemplateException failure) { return failure; }
    }

    private bool FindObjects()
    {
        string? text = Rendered(Call(JsonSerializer.Serialize(Arguments)));
        if (text is not null && text.Contains(Mark, StringComparison.Ordinal) && !text.Contains($"\\\"{Mark}", StringComparison.Ordinal)) return false;
        return Rendered(Call(Arguments)) is { } other && other.Contains(Mark, StringComparison.Ordinal);
    }

    private static string Conversation(string content) => $$"""[{"role":"user","content":{{content}}}]""";

    private static string Call(string arguments) => """[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"id":"abcDEF123","type":"function","function":{"name":"f","arguments":"""
        + arguments + """}}]},{"role":"tool","name":"f","tool_call_id":"abcDEF123","content":"b"}]""";

    private string? Rendered(string messages)
    {
        try { return _encoder.Render(new ChatRequest { Messages = JsonDocument.Parse(messages).RootElement }).Text; }
        catch (BadInputException) { return null; }
    }
}

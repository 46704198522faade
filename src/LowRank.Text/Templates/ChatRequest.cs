using System.Text.Json;

namespace LowRank.Text.Templates;

/// <summary>What a chat template is to render.</summary>
public sealed record ChatRequest
{
    /// <summary>The list of messages; null: the template sees its variables only.</summary>
    public required JsonElement? Messages { get; init; }
    /// <summary>The list of tools; null: none.</summary>
    public JsonElement? Tools { get; init; }
    /// <summary>The list of documents; null: none.</summary>
    public JsonElement? Documents { get; init; }
    /// <summary>Whether the text ends where the assistant's answer begins.</summary>
    public bool AddGenerationPrompt { get; init; }
    /// <summary>Whether the text ends inside the last message, which the model is to continue.</summary>
    public bool ContinueFinalMessage { get; init; }
    /// <summary>Further template variables, the special tokens among them.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } = new Dictionary<string, JsonElement>();
    /// <summary>The time that strftime_now tells, local and without a zone; null: the clock's.</summary>
    public DateTime? Now { get; init; }
}

/// <summary>A rendered conversation.</summary>
/// <param name="Text">The text, which already holds whatever special tokens the template writes.</param>
/// <param name="Generation">Start and end of each {% generation %} block in the text, in code points.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<(int Start, int End)> Generation);

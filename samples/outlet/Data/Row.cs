using System.Text.Encodings.Web;
using System.Text.Json;

namespace Outlet;

/// <summary>A training example: the loss counts the completion and the end token.</summary>
public readonly record struct Row(string Prompt, string Completion)
{
    /// <summary>The completion as training sees it: a blank comes between it and the prompt, and belongs to its first word.</summary>
    public string Continuation => " " + Completion;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The row as one line of JSON, <c>°</c> written as itself.</summary>
    public string ToJson()
        => $"{{\"prompt\": {JsonSerializer.Serialize(Prompt, Plain)}, \"completion\": {JsonSerializer.Serialize(Completion, Plain)}}}";
}

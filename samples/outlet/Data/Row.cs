using System.Text.Encodings.Web;
using System.Text.Json;

namespace Outlet;

/// <summary>A training example: the loss counts the completion and the end token.</summary>
public readonly record struct Row(string Prompt, string Completion)
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The row as one line of JSON, <c>°</c> written as itself.</summary>
    public string ToJson()
        => $"{{\"prompt\": {JsonSerializer.Serialize(Prompt, Plain)}, \"completion\": {JsonSerializer.Serialize(Completion, Plain)}}}";
}

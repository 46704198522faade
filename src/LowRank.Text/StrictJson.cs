using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>JSON in which each key of an object stands once: of two values one would be lost.</summary>
public static class StrictJson
{
    /// <summary>Parses a text.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="depth">Levels at most.</param>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="BadInputException">A key stands twice, or is no Unicode text; without a place.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, int depth = 64)
    {
        try { return Strict(json, depth); }
        catch (InvalidOperationException e)
        {
            throw new BadInputException("a key holds half a surrogate pair", expected: "valid Unicode", inner: e);
        }
    }

    private static JsonDocument Strict(ReadOnlyMemory<byte> json, int depth)
    {
        try { return JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = depth }); }
        catch (JsonException e)
        {
            // throws where it is no JSON in any case
            using var lax = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = depth });
            throw new BadInputException("a key stands twice in one object", Doubled(lax.RootElement), expected: "each key once",
                remedy: "Keep one of the two.", inner: e);
        }
    }

    /// <summary>The same of a text.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="BadInputException">A key stands twice, or is no Unicode text; without a place.</exception>
    public static JsonDocument Parse(string json, int depth = 64) => Parse(System.Text.Encoding.UTF8.GetBytes(json), depth);

    private static string? Doubled(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().GroupBy(p => p.Name).FirstOrDefault(g => g.Count() > 1)?.Key
            ?? element.EnumerateObject().Select(p => Doubled(p.Value)).FirstOrDefault(k => k is not null),
        JsonValueKind.Array => element.EnumerateArray().Select(Doubled).FirstOrDefault(k => k is not null),
        _ => null,
    };
}

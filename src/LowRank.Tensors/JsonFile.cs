using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>Reads the JSON files of models as Python's json does: of a key that stands twice the last one counts. Every error names the file.</summary>
public static class JsonFile
{
    private const int Depth = 64;

    /// <summary>The object that a file holds.</summary>
    /// <exception cref="BadInputException">It cannot be read, or holds no JSON object.</exception>
    public static JsonObject ReadObject(string path)
        => Read(path) as JsonObject ?? throw new BadInputException($"{Path.GetFileName(path)} is not a JSON object", place: path, expected: "{...}");

    /// <summary>What a file holds; null where it holds null.</summary>
    /// <exception cref="BadInputException">It cannot be read, or is not JSON.</exception>
    public static JsonNode? Read(string path)
    {
        byte[] bytes = [];
        try
        {
            bytes = File.ReadAllBytes(path);
            using var document = JsonDocument.Parse(bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0), new JsonDocumentOptions { MaxDepth = Depth });
            return LastOf(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for text that is not Unicode
        {
            StandIn.Refuse(path, bytes);
            throw new BadInputException($"{Path.GetFileName(path)} is not JSON: {e.Message}", place: path, remedy: "It may be damaged: download or copy it again.", inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"the file cannot be read: {e.Message}", place: path, inner: e);
        }
    }

    // JsonNode itself fails when it first meets a key that stands twice.
    private static JsonNode? LastOf(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var made = new JsonObject();
                foreach (var property in element.EnumerateObject()) made[property.Name] = LastOf(property.Value);
                return made;
            case JsonValueKind.Array: return new JsonArray([.. element.EnumerateArray().Select(LastOf)]);
            case JsonValueKind.Null: return null;
            case JsonValueKind.String: return JsonValue.Create(element.GetString());
            default: return JsonValue.Create(element.Clone());
        }
    }
}

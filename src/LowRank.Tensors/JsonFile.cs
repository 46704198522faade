using System.Text.Json;
using System.Text.Json.Nodes;

namespace LowRank.Tensors;

/// <summary>
/// Reads the JSON files of models as Python's json does: of a key that stands twice the last one counts, and NaN and the infinities, which
/// JSON does not have, come as texts: whoever asks for a number there refuses them. Every error names the file.
/// </summary>
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
            FileType.RefuseOthers(path);
            bytes = File.ReadAllBytes(path);
            using var document = Parse(bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0));
            return LastOf(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for text that is not Unicode
        {
            StandIn.Refuse(path, bytes);
            throw new BadInputException($"{Path.GetFileName(path)} is not JSON: {e.Message.TrimEnd('.')}", place: path, remedy: "It may be damaged: download or copy it again.", inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"the file cannot be read: {e.Message}", place: path, inner: e);
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        JsonDocumentOptions options = new() { MaxDepth = Depth };
        try { return JsonDocument.Parse(json, options); }
        catch (JsonException) when (json.Span.IndexOf("NaN"u8) >= 0 || json.Span.IndexOf("Infinity"u8) >= 0) { return JsonDocument.Parse(Quoted(json.Span), options); }
    }

    // Puts the names of Python's three numbers, outside of texts, between quotes.
    private static byte[] Quoted(ReadOnlySpan<byte> json)
    {
        List<byte> quoted = new(json.Length + 16);
        bool inText = false;
        for (int at = 0; at < json.Length;)
        {
            int name = inText ? 0 : NameAt(json[at..]);
            if (name > 0) quoted.AddRange([(byte)'"', .. json.Slice(at, name), (byte)'"']);
            else
            {
                if (json[at] == '"') inText = !inText;
                name = inText && json[at] == '\\' && at + 1 < json.Length ? 2 : 1;
                quoted.AddRange(json.Slice(at, name));
            }
            at += name;
        }
        return [.. quoted];
    }

    private static int NameAt(ReadOnlySpan<byte> json)
        => json.StartsWith("NaN"u8) ? 3 : json.StartsWith("Infinity"u8) ? 8 : json.StartsWith("-Infinity"u8) ? 9 : 0;

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

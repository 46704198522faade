using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>A value of a JSON file that knows its place, so that every wrong one can be named.</summary>
internal readonly record struct Node(JsonElement Element, string Place)
{
    /// <summary>Reads a file's JSON; the document stays alive as long as the node.</summary>
    public static Node Read(string path)
    {
        try
        {
            if (!File.Exists(path)) throw new BadInputException("the file does not exist", place: path);
            FileType.RefuseOthers(path);
            using var stream = File.OpenRead(path);
            return new Node(JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 64 }).RootElement, path);
        }
        catch (JsonException e)
        {
            if (StandIn.At(path) is var (what, value)) throw new BadInputException(what, value, path, remedy: StandIn.Again);
            throw new BadInputException($"the file is not JSON: {e.Message}", place: path, inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new BadInputException($"the file cannot be read: {e.Message}", place: path, inner: e); }
    }

    /// <summary>Whether it is null or absent.</summary>
    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>A field; a null node where it is absent.</summary>
    public Node this[string name]
    {
        get
        {
            var e = Expect(JsonValueKind.Object, "an object").Element;
            // A name that is no text stops the search as soon as it is compared.
            var value = Guard(Place, () => e.TryGetProperty(name, out var found) ? found : default);
            return new(value, $"{Place}: {name}");
        }
    }

    /// <summary>A field that must be there.</summary>
    public Node Required(string name)
        => this[name] is { Element.ValueKind: not JsonValueKind.Undefined } node ? node : throw new BadInputException($"the field '{name}' is missing", place: Place);

    /// <summary>The items of a long list, without their places.</summary>
    public JsonElement.ArrayEnumerator List() => Expect(JsonValueKind.Array, "a list").Element.EnumerateArray();

    /// <summary>The fields of a large object, without their places.</summary>
    public JsonElement.ObjectEnumerator Object() => Expect(JsonValueKind.Object, "an object").Element.EnumerateObject();

    /// <summary>The name of a field.</summary>
    public static string NameOf(JsonProperty property, string place) => Guard(place, () => property.Name);

    /// <summary>The items of a list.</summary>
    public IEnumerable<Node> Items()
    {
        string place = Place;
        return Expect(JsonValueKind.Array, "a list").Element.EnumerateArray().Select((e, i) => new Node(e, $"{place}[{i}]"));
    }

    /// <summary>The fields of an object; of a name that stands twice the last one, as in Python.</summary>
    public IEnumerable<(string Name, Node Value)> Fields()
    {
        string place = Place;
        var fields = new OrderedDictionary<string, Node>(StringComparer.Ordinal);
        foreach (var property in Expect(JsonValueKind.Object, "an object").Element.EnumerateObject())
        {
            string name = Guard(place, () => property.Name);
            fields[name] = new Node(property.Value, $"{place}: {name}");
        }
        return fields.Select(f => (f.Key, f.Value));
    }

    /// <summary>Its text.</summary>
    public string String()
    {
        var e = Expect(JsonValueKind.String, "a string").Element;
        return Guard(Place, () => e.GetString()!);
    }

    /// <summary>Its text, or a default where it is null or absent.</summary>
    public string String(string otherwise) => IsNull ? otherwise : String();

    /// <summary>Its text, which must be a single character.</summary>
    public string Character() => String() is { Length: > 0 } text && System.Text.Rune.DecodeFromUtf16(text, out _, out int units) == System.Buffers.OperationStatus.Done && units == text.Length ? text : throw Wrong("one character");

    /// <summary>Its number.</summary>
    public double Number() => Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double value) && double.IsFinite(value) ? value : throw Wrong("a number");

    /// <summary>Its truth value.</summary>
    public bool Bool() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong("true or false"),
    };

    /// <summary>Its truth value, or a default where it is null or absent.</summary>
    public bool Bool(bool otherwise) => IsNull ? otherwise : Bool();

    /// <summary>Its number, from 0 to 2^31 - 1.</summary>
    public int Index() => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) && value >= 0 ? value : throw Wrong("a whole number from 0");

    /// <summary>Refuses a part of the format that is not built yet.</summary>
    public BadInputException NotYet(string what) => new($"{what} is not supported yet", place: Place);

    /// <summary>The error of a value of the wrong kind.</summary>
    public BadInputException Wrong(string expected) => new("the value has the wrong type", Shown(), Place, expected);

    private Node Expect(JsonValueKind kind, string name) => Element.ValueKind == kind ? this : throw Wrong(name);

    private string Shown()
    {
        if (Element.ValueKind == JsonValueKind.Undefined) return "nothing";
        string raw = Element.GetRawText();
        return raw.Length <= 80 ? raw : raw[..77] + "...";
    }

    // A lone surrogate escape is JSON but no text: the parser says so only when the string is taken.
    private static T Guard<T>(string place, Func<T> get)
    {
        try { return get(); }
        catch (InvalidOperationException e) { throw new BadInputException("the string is not Unicode text (a lone surrogate or invalid UTF-8)", place: place, inner: e); }
    }
}

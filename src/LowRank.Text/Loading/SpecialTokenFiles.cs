using System.Text.Json;

namespace LowRank.Text;

/// <summary>
/// The special tokens that tokenizer_config.json and special_tokens_map.json name. Where the first lists its added tokens (added_tokens_decoder) it has the
/// last word, else the second, as in Transformers.
/// </summary>
internal sealed class SpecialTokenFiles
{
    private readonly List<NamedToken> _named = [];

    /// <summary>A folder's; files that are not there name nothing.</summary>
    public static SpecialTokenFiles Read(string folder)
    {
        var tokens = new SpecialTokenFiles { Config = Open(folder, "tokenizer_config.json") };
        var map = Open(folder, "special_tokens_map.json");
        Node?[] order = tokens.Config is { } config && !config["added_tokens_decoder"].IsNull ? [config, map] : [map, tokens.Config];
        foreach (var file in order.OfType<Node>()) tokens.Add(file);
        return tokens;
    }

    /// <summary>tokenizer_config.json; null where there is none.</summary>
    public Node? Config { get; private init; }

    /// <summary>Every named token, the one that counts first.</summary>
    public IReadOnlyList<NamedToken> Named => _named;

    /// <summary>The tokens of a name, the one that counts first.</summary>
    public IEnumerable<NamedToken> Of(string name) => _named.Where(n => n.Name == name);

    /// <summary>What templates see: the text of each name.</summary>
    public Dictionary<string, JsonElement> Texts()
        => _named.Where(n => n.Name is not null).DistinctBy(n => n.Name).ToDictionary(n => n.Name!, n => JsonSerializer.SerializeToElement(n.Content), StringComparer.Ordinal);

    /// <summary>A file of the folder; null where it is not there.</summary>
    public static Node? Open(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? Node.Read(path) : null;
    }

    private void Add(Node file)
    {
        foreach (var (name, value) in file.Fields())
        {
            if (value.IsNull) continue;
            if (name is "additional_special_tokens" or "extra_special_tokens") AddList(value);
            else if (name.EndsWith("_token", StringComparison.Ordinal) && value.Element.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) _named.Add(NamedToken.Of(name, value));
        }
    }

    // A list without names, or names of this model's own.
    private void AddList(Node list)
    {
        if (list.Element.ValueKind == JsonValueKind.Object) foreach (var (name, value) in list.Fields()) _named.Add(NamedToken.Of(name, value));
        else foreach (var item in list.Items()) _named.Add(NamedToken.Of(null, item));
    }
}

/// <summary>A token as one of the files names it.</summary>
/// <param name="Name">bos_token, eos_token and so on; null for one without a name.</param>
/// <param name="Content">Its text.</param>
/// <param name="Flags">Its object, where it is written with flags; else a null node.</param>
/// <param name="Place">File and key.</param>
internal readonly record struct NamedToken(string? Name, string Content, Node Flags, string Place)
{
    /// <summary>Reads a text or an object with its flags.</summary>
    public static NamedToken Of(string? name, Node node) => node.Element.ValueKind == JsonValueKind.Object
        ? new(name, node.Required("content").String(), node, node.Place)
        : node.Element.ValueKind == JsonValueKind.String ? new(name, node.String(), default, node.Place) : throw node.Wrong("a token's text, or an object with its content and flags");
}

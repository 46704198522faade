using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Reads a model folder's tokenizer and the files that name its beginning, end and padding tokens.</summary>
internal static class TokenizerFolder
{
    /// <summary>The tokenizer.</summary>
    public static Tokenizer Read(string folder)
    {
        if (!Directory.Exists(folder)) throw new BadInputException("the folder does not exist", place: folder);
        string path = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(path)) throw Missing(folder);
        var parts = TokenizerFile.Read(path);
        return new Tokenizer(parts, Roles(folder, new Tokenizer(parts)));
    }

    private static BadInputException Missing(string folder)
    {
        if (File.Exists(Path.Combine(folder, "tokenizer.model"))) return new("a SentencePiece tokenizer.model is not supported yet", place: folder, expected: "a tokenizer.json", remedy: "Give token ids instead of texts, or add the tokenizer.json of the model.");
        if (File.Exists(Path.Combine(folder, "vocab.json"))) return new("a tokenizer of vocab.json and merges.txt is not supported yet", place: folder, expected: "a tokenizer.json", remedy: "Give token ids instead of texts, or add the tokenizer.json of the model.");
        return new("the folder has no tokenizer (tokenizer.json)", place: folder, remedy: "Token ids can be used instead of texts.");
    }

    // What says how texts were written in training comes first; the ids at which generation stops follow.
    private static RoleIds Roles(string folder, Tokenizer tokenizer)
    {
        Node? named = Open(folder, "tokenizer_config.json"), map = Open(folder, "special_tokens_map.json"), generation = Open(folder, "generation_config.json"), config = Open(folder, "config.json");
        List<int> Of(string role)
        {
            var ids = new[] { named, map }.OfType<Node>().Select(n => Named(n[role + "_token"], tokenizer)).OfType<int>().ToList();
            var numbered = generation is { } g ? Numbered(g[role + "_token_id"]) : [];
            if (numbered.Count == 0 && config is { } c) numbered = Numbered(c[role + "_token_id"]);
            return [.. ids.Concat(numbered.Where(id => id < tokenizer.VocabularySize)).Distinct()];
        }
        return new RoleIds(First(Of("bos")), Of("eos"), First(Of("pad")));

        static int? First(List<int> ids) => ids.Count > 0 ? ids[0] : null;
    }

    private static Node? Open(string folder, string name) => File.Exists(Path.Combine(folder, name)) ? Node.Read(Path.Combine(folder, name)) : null;

    // A token is written as its text or as an object with its flags.
    private static int? Named(Node node, Tokenizer tokenizer)
    {
        if (node.IsNull) return null;
        string content = (node.Element.ValueKind == JsonValueKind.Object ? node.Required("content") : node).String();
        return tokenizer.IdOf(content) ?? throw new BadInputException("the token is not in the vocabulary", content, node.Place);
    }

    private static List<int> Numbered(Node node)
        => node.IsNull ? [] : node.Element.ValueKind == JsonValueKind.Array ? [.. node.Items().Select(i => i.Index())] : node.Element is { ValueKind: JsonValueKind.Number } n && n.TryGetInt32(out int id) && id < 0 ? [] : [node.Index()];
}

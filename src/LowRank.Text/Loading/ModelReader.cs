using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>Reads the model section of a tokenizer.json.</summary>
internal static class ModelReader
{
    private static readonly Dictionary<string, Func<Node, bool, IModel>> Models = new(StringComparer.Ordinal)
    {
        ["BPE"] = Bpe,
        ["Unigram"] = (n, _) => Unigram(n),
        ["WordPiece"] = (n, _) => new WordPieceModel(Vocabulary(n.Required("vocab")), n["unk_token"].String("[UNK]"), "", n["continuing_subword_prefix"].String("##"), n["max_input_chars_per_word"].IsNull ? 100 : n["max_input_chars_per_word"].Index()),
        ["WordLevel"] = (n, _) => new WordLevelModel(Vocabulary(n.Required("vocab")), n["unk_token"].String("<unk>")),
    };

    /// <summary>The model; a section without a type is known by its fields.</summary>
    public static IModel Read(Node node, bool byteLevel)
    {
        string type = node["type"].IsNull ? TypeByFields(node) : node["type"].String();
        return Models.TryGetValue(type, out var read) ? read(node, byteLevel) : throw node.NotYet($"the model '{type}'");
    }

    private static string TypeByFields(Node node)
        => !node["merges"].IsNull ? "BPE"
            : node["vocab"].Element.ValueKind == JsonValueKind.Array ? "Unigram"
            : !node["max_input_chars_per_word"].IsNull ? "WordPiece"
            : !node["unk_token"].IsNull ? "WordLevel"
            : throw new BadInputException("the model has no type", place: node.Place);

    private static UnigramModel Unigram(Node node)
    {
        var pieces = new List<(string, double, bool)>();
        foreach (var item in node.Required("vocab").Items())
            pieces.Add(item.Items().Take(3).ToList() is { Count: 2 } pair ? (pair[0].String(), pair[1].Number(), true) : throw item.Wrong("a token and its score"));
        int? unknown = node["unk_id"].IsNull ? null : node["unk_id"].Index();
        if (unknown >= pieces.Count) throw new BadInputException("the unknown token lies outside the vocabulary", $"{unknown}", node["unk_id"].Place, $"an id below {pieces.Count}");
        return new UnigramModel(pieces, new UnigramOptions(unknown, node["byte_fallback"].Bool(false)));
    }

    // Merges in training may leave some out at random; a text must always give the same tokens, so that is refused rather than ignored.
    private static BpeModel Bpe(Node node, bool byteLevel)
    {
        if (!node["dropout"].IsNull && !(node["dropout"].Element is { ValueKind: JsonValueKind.Number } d && d.GetDouble() == 0))
            throw new BadInputException("the model leaves out merges at random (dropout), so a text would have other tokens each time", node["dropout"].Element.GetRawText(), node["dropout"].Place, "null or 0", "Set it to null: that is how the model is used after training.");
        var vocabulary = Vocabulary(node.Required("vocab"));
        var options = new BpeOptions(byteLevel, Text(node["unk_token"]), node["fuse_unk"].Bool(false), node["byte_fallback"].Bool(false), node["ignore_merges"].Bool(false),
            Text(node["continuing_subword_prefix"]) ?? "", Text(node["end_of_word_suffix"]) ?? "");
        // Characters that vanish shift the places of what follows in their word: such a word stays whole.
        bool vanishes = options.UnknownToken is null && !(options.ByteFallback && Enumerable.Range(0, 256).All(b => vocabulary.ContainsKey($"<0x{b:X2}>")));
        var cuts = vanishes || byteLevel || options.IgnoreMerges || options.Prefix.Length + options.Suffix.Length > 0 ? null : new BpeCuts(vocabulary.Keys);
        return new BpeModel(vocabulary, new MergeReader(node.Required("merges"), vocabulary, options).Read(ref cuts), options, cuts);
    }

    private static string? Text(Node node) => node.IsNull ? null : node.String();

    /// <summary>A vocabulary of tokens and their ids.</summary>
    public static Dictionary<string, int> Vocabulary(Node node)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var used = new HashSet<int>();
        int limit = 0;
        foreach (var property in node.Object())
        {
            string token = Node.NameOf(property, node.Place);
            int id = property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetInt32(out int number) && number >= 0 ? number : new Node(property.Value, $"{node.Place}: {token}").Index();
            if (!vocabulary.TryAdd(token, id)) throw new BadInputException("the vocabulary has a token twice", token, node.Place);
            if (!used.Add(id)) throw new BadInputException("the vocabulary gives one id to two tokens", $"{id}", $"{node.Place}: {token}");
            limit = Math.Max(limit, id);
        }
        // Checked before any array of that size is made; some ids without a token are usual.
        if (limit > 4L * vocabulary.Count + 65536) throw new BadInputException("the vocabulary's ids reach far beyond its tokens", $"{limit}", node.Place, $"about {vocabulary.Count}");
        return vocabulary;
    }

    /// <summary>A merge written as two tokens with a blank between them.</summary>
    public static (string Left, string Right) Written<T>(string merge, T place)
    {
        int blank = merge.IndexOf(' ', StringComparison.Ordinal);
        return blank >= 0 && merge.IndexOf(' ', blank + 1) < 0 ? (merge[..blank], merge[(blank + 1)..])
            : throw new BadInputException("a merge is not two tokens with a blank between them", merge, $"{place}");
    }
}

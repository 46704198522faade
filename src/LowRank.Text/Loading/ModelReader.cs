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

    private static BpeModel Bpe(Node node, bool byteLevel)
    {
        if (!node["dropout"].IsNull && !(node["dropout"].Element is { ValueKind: JsonValueKind.Number } d && d.GetDouble() == 0)) throw node["dropout"].NotYet("dropout of merges");
        foreach (string affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (!node[affix].IsNull && node[affix].String().Length > 0) throw node[affix].NotYet($"a non-empty {affix}");
        var vocabulary = Vocabulary(node.Required("vocab"));
        var options = new BpeOptions(byteLevel, node["unk_token"].IsNull ? null : node["unk_token"].String(),
            node["fuse_unk"].Bool(false), node["byte_fallback"].Bool(false), node["ignore_merges"].Bool(false));
        return new BpeModel(vocabulary, Merges(node.Required("merges"), vocabulary), options);
    }

    private static Dictionary<string, int> Vocabulary(Node node)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var used = new HashSet<int>();
        int limit = 0;
        foreach (var (token, value) in node.Fields())
        {
            int id = value.Index();
            if (!vocabulary.TryAdd(token, id)) throw new BadInputException("the vocabulary has a token twice", token, node.Place);
            if (!used.Add(id)) throw new BadInputException("the vocabulary gives one id to two tokens", $"{id}", value.Place);
            limit = Math.Max(limit, id);
        }
        // Checked before any array of that size is made; what added tokens may fill is looked at later.
        if (limit > 4L * vocabulary.Count + 65536) throw new BadInputException("the vocabulary has holes: its ids reach far beyond its tokens", $"{limit}", node.Place, $"about {vocabulary.Count}");
        return vocabulary;
    }

    private static BpeMerges Merges(Node node, Dictionary<string, int> vocabulary)
    {
        var merges = new BpeMerges();
        foreach (var item in node.Items())
        {
            if (item.Element.ValueKind == JsonValueKind.String && item.String().StartsWith("#version", StringComparison.Ordinal)) continue;
            var (left, right) = item.Element.ValueKind == JsonValueKind.Array ? Listed(item) : Written(item.String(), item.Place);
            merges.Add(Id(left, item.Place), Id(right, item.Place), Id(left + right, item.Place));
        }
        return merges;

        int Id(string token, string place) => vocabulary.TryGetValue(token, out int id) ? id : throw new BadInputException("a merge names a token that is not in the vocabulary", token, place);
    }

    private static (string, string) Listed(Node item)
        => item.Items().ToList() is { Count: 2 } pair ? (pair[0].String(), pair[1].String()) : throw item.Wrong("two tokens");

    /// <summary>A merge written as two tokens with a blank between them.</summary>
    public static (string Left, string Right) Written(string merge, string place)
        => merge.Split(' ') is { Length: 2 } pair ? (pair[0], pair[1]) : throw new BadInputException("a merge is not two tokens with a blank between them", merge, place);
}

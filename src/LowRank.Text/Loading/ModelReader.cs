using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>Reads the model section of a tokenizer.json.</summary>
internal static class ModelReader
{
    private static readonly Dictionary<string, Func<Node, bool, IModel>> Models = new(StringComparer.Ordinal) { ["BPE"] = Bpe };

    /// <summary>The model; a section without a type is one with merges.</summary>
    public static IModel Read(Node node, bool byteLevel)
    {
        string type = node["type"].IsNull ? node["merges"].IsNull ? throw new BadInputException("the model has no type", place: node.Place) : "BPE" : node["type"].String();
        return Models.TryGetValue(type, out var read) ? read(node, byteLevel) : throw node.NotYet($"the model '{type}'");
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

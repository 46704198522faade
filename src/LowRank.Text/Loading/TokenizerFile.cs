using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.AddedTokens;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>Reads a tokenizer.json.</summary>
internal static class TokenizerFile
{
    /// <summary>The parts it describes.</summary>
    public static TokenizerParts Read(string path)
    {
        var root = Node.Read(path);
        bool byteLevel = TakesBytes(root["pre_tokenizer"], root.Required("model"));
        var model = ModelReader.Read(root.Required("model"), byteLevel);
        var added = AddedTokens(root["added_tokens"], model);
        CheckReach(model, added, path);
        return new TokenizerParts(
            added,
            root["normalizer"].IsNull ? null : ComponentTables.Normalizer(root["normalizer"]),
            root["pre_tokenizer"].IsNull ? null : ComponentTables.PreTokenizer(root["pre_tokenizer"], respell: !byteLevel),
            model,
            root["post_processor"].IsNull ? null : ComponentTables.PostProcessor(root["post_processor"]),
            root["decoder"].IsNull ? null : ComponentTables.Decoder(root["decoder"]),
            SizingReader.Truncation(root["truncation"]),
            SizingReader.Padding(root["padding"]));
    }

    // A byte-level pre-tokenizer respells the text. Where it is the only one of its kind and nothing comes after it, a BPE model reads the bytes
    // themselves instead, and its vocabulary is respelled once.
    private static bool TakesBytes(Node preTokenizer, Node model)
    {
        if (preTokenizer.IsNull || !(model["type"].IsNull || model["type"].String() == "BPE")) return false;
        foreach (string affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (!model[affix].IsNull && model[affix].String().Any(c => c is <= ' ' or > '~')) return false;
        return Kinds(preTokenizer).ToList() is { Count: > 0 } kinds && kinds[^1] && kinds.Count(k => k) == 1;
    }

    // Of each step, in order, whether it is byte level.
    private static IEnumerable<bool> Kinds(Node node)
    {
        string type = node.Required("type").String();
        return type == "Sequence" ? node.Required("pretokenizers").Items().SelectMany(Kinds) : [type == "ByteLevel"];
    }

    private static List<AddedToken> AddedTokens(Node list, IModel model)
    {
        var tokens = new List<AddedToken>();
        if (list.IsNull) return tokens;
        foreach (var node in list.Items())
        {
            string content = node.Required("content").String();
            if (content.Length == 0) continue;
            // The vocabulary's id wins over the list's, as in the reference.
            int id = model.IdOf(content) ?? node.Required("id").Index();
            tokens.Add(new AddedToken(id, content,
                node["single_word"].Bool(false), node["lstrip"].Bool(false), node["rstrip"].Bool(false),
                node["normalized"].Bool(!node["special"].Bool(false)), node["special"].Bool(false)));
        }
        return tokens;
    }

    // Ids that no token has are usual in conversions of other vocabularies: they decode to nothing. What is bounded is the memory that a file can ask for.
    private static void CheckReach(IModel model, List<AddedToken> added, string path)
    {
        long most = 4L * (model.Size + added.Count) + 65536;
        if (added.FirstOrDefault(t => t.Id > most) is { } far)
            throw new BadInputException($"the id of the added token '{far.Content}' reaches far beyond the vocabulary", $"{far.Id}", path, $"at most {most}");
    }
}

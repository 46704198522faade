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
        foreach (string section in new[] { "truncation", "padding" })
            if (!root[section].IsNull) throw root.NotYet($"a {section} section");
        bool byteLevel = EndsInByteLevel(root["pre_tokenizer"]);
        var model = ModelReader.Read(root.Required("model"), byteLevel);
        var added = AddedTokens(root["added_tokens"], model);
        CheckHoles(model, added, path);
        return new TokenizerParts(
            added,
            root["normalizer"].IsNull ? null : ComponentTables.Normalizer(root["normalizer"]),
            root["pre_tokenizer"].IsNull ? null : ComponentTables.PreTokenizer(root["pre_tokenizer"]),
            model,
            root["post_processor"].IsNull ? null : ComponentTables.PostProcessor(root["post_processor"]),
            root["decoder"].IsNull ? null : ComponentTables.Decoder(root["decoder"]));
    }

    // Byte level respells the text, so the model reads bytes only where nothing comes after it.
    private static bool EndsInByteLevel(Node node)
    {
        if (node.IsNull) return false;
        string type = node.Required("type").String();
        if (type != "Sequence") return type == "ByteLevel";
        var steps = node.Required("pretokenizers").Items().Select(n => (Node: n, Bytes: EndsInByteLevel(n))).ToList();
        foreach (var (step, bytes) in steps.SkipLast(1))
            if (bytes) throw step.NotYet("a ByteLevel pre-tokenizer before others");
        return steps.Count > 0 && steps[^1].Bytes;
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

    // A hole would be an id that means nothing; it also bounds the memory that a hostile file can ask for.
    private static void CheckHoles(IModel model, List<AddedToken> added, string path)
    {
        var free = added.Select(t => t.Id).Where(id => model.TokenOf(id) is null).ToHashSet();
        long size = Math.Max(model.Size, free.Count == 0 ? 0 : free.Max() + 1L);
        // More holes than tokens need not be looked for: the first ones are enough for the message.
        var missing = Enumerable.Range(0, (int)Math.Min(size, model.Size + free.Count + 4L)).Where(id => model.TokenOf(id) is null && !free.Contains(id)).Take(4).ToList();
        if (missing.Count > 0)
            throw new BadInputException("the vocabulary has holes: ids that no token has", string.Join(", ", missing.Take(3)) + (missing.Count > 3 ? ", ..." : ""), path, $"every id below {size}");
    }
}

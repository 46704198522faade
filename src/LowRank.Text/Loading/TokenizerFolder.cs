using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Reads a model folder's tokenizer, the files that name its special tokens, and its chat templates.</summary>
internal static class TokenizerFolder
{
    /// <summary>The tokenizer.</summary>
    public static Tokenizer Read(string folder)
    {
        if (!Directory.Exists(folder)) throw new BadInputException("the folder does not exist", place: folder);
        var names = SpecialTokenFiles.Read(folder);
        var parts = ExtraTokens.AddTo(Parts(folder), folder, names);
        return new Tokenizer(parts, Roles(folder, names, new Tokenizer(parts)))
        {
            ChatTemplates = TemplateFiles.OfFolder(folder),
            SpecialTokens = names.Texts(),
        };
    }

    private static TokenizerParts Parts(string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        return File.Exists(path) ? TokenizerFile.Read(path) : throw Missing(folder);
    }

    private static BadInputException Missing(string folder)
    {
        if (File.Exists(Path.Combine(folder, "tokenizer.model"))) return new("a SentencePiece tokenizer.model is not supported yet", place: folder, expected: "a tokenizer.json", remedy: "Give token ids instead of texts, or add the tokenizer.json of the model.");
        if (File.Exists(Path.Combine(folder, "vocab.json"))) return new("a tokenizer of vocab.json and merges.txt is not supported yet", place: folder, expected: "a tokenizer.json", remedy: "Give token ids instead of texts, or add the tokenizer.json of the model.");
        return new("the folder has no tokenizer (tokenizer.json)", place: folder, remedy: "Token ids can be used instead of texts.");
    }

    // What says how texts were written in training comes first; the ids at which generation stops follow.
    private static RoleIds Roles(string folder, SpecialTokenFiles names, Tokenizer tokenizer)
    {
        Node? generation = SpecialTokenFiles.Open(folder, "generation_config.json"), config = SpecialTokenFiles.Open(folder, "config.json");
        List<int> Of(string role)
        {
            var ids = names.Of(role + "_token").Select(n => tokenizer.IdOf(n.Content) ?? throw new BadInputException("the token is not in the vocabulary", n.Content, n.Place));
            var numbered = generation is { } g ? Numbered(g[role + "_token_id"]) : [];
            if (numbered.Count == 0 && config is { } c) numbered = Numbered(c[role + "_token_id"]);
            return [.. ids.Concat(numbered.Where(id => id < tokenizer.VocabularySize)).Distinct()];
        }
        return new RoleIds(First(Of("bos")), Of("eos"), First(Of("pad")));

        static int? First(List<int> ids) => ids.Count > 0 ? ids[0] : null;
    }

    private static List<int> Numbered(Node node)
        => node.IsNull ? [] : node.Element.ValueKind == JsonValueKind.Array ? [.. node.Items().Select(i => i.Index())] : node.Element is { ValueKind: JsonValueKind.Number } n && n.TryGetInt32(out int id) && id < 0 ? [] : [node.Index()];
}

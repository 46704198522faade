using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text;

/// <summary>Reads a model folder's tokenizer, the files that name its special tokens, and its chat templates.</summary>
internal static class TokenizerFolder
{
    private const string Json = "tokenizer.json";
    private static readonly string[] Files = [Json, "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];
    private static readonly string[] Beside =
        ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", NumberedRoles.Generation, "config.json"];

    /// <summary>The file that a folder's tokenizer is read from; null where it has none.</summary>
    public static string? File(string folder) => Files.Select(name => Path.Combine(folder, name)).FirstOrDefault(System.IO.File.Exists);

    /// <summary>All files of a folder that may say something of its tokenizer.</summary>
    public static IEnumerable<string> All(string folder)
        => Files.Concat(Beside).Select(name => Path.Combine(folder, name)).Where(System.IO.File.Exists);

    /// <summary>The tokenizer.</summary>
    public static Tokenizer Read(string folder)
    {
        if (!Directory.Exists(folder)) throw new BadInputException("the folder does not exist", place: folder);
        string path = File(folder) ?? throw Missing(folder);
        var names = SpecialTokenFiles.Read(folder);
        var roles = new RoleIds();
        // What tokenizer.json puts around a text counts, whatever add_bos_token says, as in Transformers; a SentencePiece file says nothing of it.
        TokenizerParts parts;
        bool json = Path.GetFileName(path) == Json;
        if (json) parts = TokenizerFile.Read(path);
        else
        {
            var (bos, eos) = SentencePieceEnds.Of(folder, names.Config);
            parts = SentencePieceFile.Read(path, out roles, bos, eos);
        }
        parts = ExtraTokens.AddTo(parts, folder, names, normalized: json);
        var tokenizer = new Tokenizer(parts, Roles(folder, names, new Tokenizer(parts), roles))
        {
            Templates = TemplateFiles.OfFolder(folder), SpecialTokens = names.Texts(),
        };
        return tokenizer.SpecialTokens.Count > 0 ? tokenizer : Named(tokenizer, roles);
    }

    // Where no file names them, templates know the tokens of the SentencePiece file.
    private static Tokenizer Named(Tokenizer tokenizer, RoleIds roles)
    {
        (string Name, int? Id)[] named = [("bos_token", roles.Bos), ("eos_token", roles.Eos.Count > 0 ? roles.Eos[0] : null), ("pad_token", roles.Pad)];
        tokenizer.SpecialTokens = named.Where(n => n.Id is not null).ToDictionary(n => n.Name, n => JsonSerializer.SerializeToElement(tokenizer.TokenOf(n.Id!.Value)));
        return tokenizer;
    }

    private static BadInputException Missing(string folder)
    {
        if (System.IO.File.Exists(Path.Combine(folder, "vocab.json"))) return new("a tokenizer of vocab.json and merges.txt is not supported yet", place: folder, expected: "a tokenizer.json", remedy: "Give token ids instead of texts, or add the tokenizer.json of the model.");
        return new("the folder has no tokenizer (tokenizer.json or tokenizer.model)", place: folder, remedy: "Token ids can be used instead of texts.");
    }

    // What says how texts were written in training comes first; the ids at which generation stops follow.
    private static RoleIds Roles(string folder, SpecialTokenFiles names, Tokenizer tokenizer, RoleIds otherwise)
    {
        List<int> Of(string role)
        {
            var ids = names.Of(role + "_token").Select(n => tokenizer.IdOf(n.Content) ?? throw new BadInputException("the token is not in the vocabulary", n.Content, n.Place));
            return [.. ids.Concat(NumberedRoles.Of(folder, role).Where(id => id < tokenizer.VocabularySize)).Distinct()];
        }
        return new RoleIds(First(Of("bos")) ?? otherwise.Bos, Of("eos") is { Count: > 0 } ends ? ends : otherwise.Eos, First(Of("pad")) ?? otherwise.Pad);

        static int? First(List<int> ids) => ids.Count > 0 ? ids[0] : null;
    }
}

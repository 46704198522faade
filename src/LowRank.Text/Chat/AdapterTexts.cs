using System.Text.Encodings.Web;
using System.Text.Json;
using LowRank.Tensors;

namespace LowRank.Text.Chat;

/// <summary>
/// What an adapter's folder says about texts, as LowRank, PEFT and TRL leave it there: chat templates, names of special tokens, ends,
/// perhaps a whole tokenizer.
/// </summary>
internal sealed class AdapterTexts
{
    private readonly SpecialTokenFiles _special;
    private readonly string _folder;

    /// <summary>Reads a folder; one that holds nothing of the kind says nothing.</summary>
    public AdapterTexts(string folder)
    {
        (_folder, _special) = (folder, SpecialTokenFiles.Read(folder));
        Choice = TemplateChoice.Usual(TemplateFiles.OfFolder(folder));
    }

    /// <summary>Its template; null where it has none.</summary>
    public TemplateChoice? Choice { get; }
    /// <summary>The texts of special tokens by the names that templates know.</summary>
    public IReadOnlyDictionary<string, JsonElement> SpecialTokens => _special.Texts();

    /// <summary>The tokens that end its texts, of those that the model's tokenizer has.</summary>
    public IEnumerable<int> EndIds(Tokenizer? tokenizer)
    {
        var numbered = NumberedRoles.Of(_folder, "eos");
        if (tokenizer is null) return numbered;
        var named = _special.Of("eos_token").Select(n => tokenizer.IdOf(n.Content)).OfType<int>();
        return named.Concat(numbered.Where(id => id < tokenizer.VocabularySize));
    }

    /// <summary>What is to be said of ends that the model's tokenizer does not have; null: nothing.</summary>
    public string? Unreachable(Tokenizer tokenizer)
    {
        List<int> beyond = [.. NumberedRoles.Of(_folder, "eos").Where(id => id >= tokenizer.VocabularySize)];
        return beyond.Count == 0 ? null : $"{_folder} ends texts with {string.Join(", ", beyond)} as well, which the model's tokenizer, "
            + $"which is used, does not have: its ids are below {tokenizer.VocabularySize}.";
    }

    /// <summary>Compares its vocabulary, if it has one, with the model's, which is the one that texts are cut by.</summary>
    /// <returns>What a person should know; null: nothing.</returns>
    /// <exception cref="BadInputException">The same ids are other tokens: each text would mean something else.</exception>
    public string? CompareVocabulary(Tokenizer own, string model)
    {
        if (TokenizerFolder.File(_folder) is not { } file)
            return Unknown([.. _special.Named.Select(n => n.Content).Where(t => own.IdOf(t) is null).Distinct()]);
        if (SameFile(file, Path.Combine(model, Path.GetFileName(file)))) return null;
        Tokenizer other;
        try { other = Tokenizer.FromFolder(_folder); }
        catch (BadInputException e)
        {
            return $"The tokenizer in {_folder} cannot be read, so it is not compared with the model's, which is used: {e.Message}";
        }
        List<string> differing = [], more = [];
        for (int id = 0; id < other.VocabularySize; id++)
            if (other.TokenOf(id) is { } token && own.TokenOf(id) != token)
                if (own.TokenOf(id) is { } ours) differing.Add($"{id} is {Shown(token)} there and {Shown(ours)} in the model's");
                else more.Add(token);
        if (differing.Count == 0) return Unknown(more);
        throw new BadInputException("the adapter has a tokenizer of its own, in which the same ids are other tokens",
            differing[0] + (differing.Count > 1 ? $"; {differing.Count - 1} more" : ""), file, "the model's vocabulary",
            "Use the model that the adapter was made for, or take the tokenizer's files out of the folder if they do not belong there.");
    }

    private string? Unknown(IReadOnlyList<string> tokens)
    {
        if (tokens.Count == 0) return null;
        string shown = string.Join(", ", tokens.Take(5).Select(Shown)) + (tokens.Count > 5 ? ", ..." : "");
        string many = tokens.Count == 1 ? "a token" : $"{tokens.Count} tokens";
        return $"{_folder} names {many} that the model's tokenizer, which is used, does not have: {shown}.";
    }

    private static string Shown(string token) => JsonSerializer.Serialize(token, Readable);

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static bool SameFile(string a, string b)
        => File.Exists(b) && new FileInfo(a).Length == new FileInfo(b).Length
            && File.ReadAllBytes(a).AsSpan().SequenceEqual(File.ReadAllBytes(b));
}

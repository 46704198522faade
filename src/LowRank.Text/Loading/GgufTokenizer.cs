using System.Collections;
using LowRank.Tensors;
using LowRank.Text.AddedTokens;
using LowRank.Text.Decoders;
using LowRank.Text.Models;
using LowRank.Text.Normalizers;
using LowRank.Text.Patterns;
using LowRank.Text.PostProcessors;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>Makes the tokenizer that a GGUF file's metadata describes.</summary>
internal static class GgufTokenizer
{
    private const int Control = 3, UserDefined = 4;
    private const string Prefix = "tokenizer.ggml.";

    // By tokenizer.ggml.pre: the cutting of words, and what else goes without saying for that family.
    private static readonly Dictionary<string, Family> Families = new(StringComparer.Ordinal)
    {
        ["gpt-2"] = new(new Gpt2Pattern()),
        ["smollm"] = new(new Gpt2Pattern(), Digits: true),
        ["llama-bpe"] = new(new Gpt4Pattern(digits: 3), IgnoreMerges: true, AddBos: true),
        ["qwen2"] = new(new Gpt4Pattern(digits: 1), Normalizer: new UnicodeNormalizer(compatible: false, compose: true)),
    };

    /// <summary>The tokenizer.</summary>
    public static Tokenizer Read(IReadOnlyDictionary<string, object> metadata)
    {
        string model = Text(metadata, "model"), pre = Text(metadata, "pre");
        if (model != "gpt2") throw NotYet("model", model, "gpt2");
        if (!Families.TryGetValue(pre, out var family)) throw NotYet("pre", pre, string.Join(", ", Families.Keys));
        string[] tokens = Texts(metadata, "tokens");
        var vocabulary = Vocabulary(tokens);
        var parts = new TokenizerParts(
            Added(metadata, tokens), family.Normalizer, Cutting(family, Flag(metadata, "add_space_prefix", false)),
            new BpeModel(vocabulary, Merges(metadata, vocabulary), new BpeOptions(ByteLevel: true, IgnoreMerges: family.IgnoreMerges)),
            Template(metadata, tokens, family), new ByteLevelDecoder());
        return new Tokenizer(parts, Roles(metadata));
    }

    private static SequencePreTokenizer Cutting(Family family, bool addPrefixSpace) => new([
        .. family.Digits ? [new DigitsPreTokenizer(individual: true)] : Array.Empty<IPreTokenizer>(),
        new SplitPreTokenizer(family.Pattern, SplitBehavior.Isolated, invert: false),
        new ByteLevelPreTokenizer(addPrefixSpace, useRegex: false)]);

    private static Dictionary<string, int> Vocabulary(string[] tokens)
    {
        var vocabulary = new Dictionary<string, int>(tokens.Length, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Length; id++)
            if (!vocabulary.TryAdd(tokens[id], id)) throw new BadInputException("the vocabulary has a token twice", tokens[id], Prefix + "tokens");
        return vocabulary;
    }

    private static BpeMerges Merges(IReadOnlyDictionary<string, object> metadata, Dictionary<string, int> vocabulary)
    {
        var merges = new BpeMerges();
        foreach (string merge in Texts(metadata, "merges"))
        {
            var (left, right) = ModelReader.Written(merge, Prefix + "merges");
            merges.Add(Id(left), Id(right), Id(left + right));
        }
        return merges;

        int Id(string token) => vocabulary.TryGetValue(token, out int id) ? id : throw new BadInputException("a merge names a token that is not in the vocabulary", token, Prefix + "merges");
    }

    private static List<AddedToken> Added(IReadOnlyDictionary<string, object> metadata, string[] tokens)
    {
        var types = Numbers(metadata, "token_type");
        if (types.Count != tokens.Length) throw new BadInputException("there is not one type for each token", $"{types.Count} types", Prefix + "token_type", $"{tokens.Length}");
        return [.. tokens.Select((token, id) => new AddedToken(id, token, Special: types[id] == Control)).Where(t => t.Content.Length > 0 && types[t.Id] is Control or UserDefined)];
    }

    private static TemplatePostProcessor? Template(IReadOnlyDictionary<string, object> metadata, string[] tokens, Family family)
    {
        List<TemplateItem> Item(string role, bool otherwise)
        {
            if (!Flag(metadata, $"add_{role}_token", otherwise)) return [];
            int id = Id(metadata, role) ?? throw new BadInputException($"add_{role}_token is set but there is no {role}_token_id", place: Prefix + $"add_{role}_token");
            return id < tokens.Length ? [new TemplateItem(null, [id], [tokens[id]], 0)] : throw new BadInputException("the token lies outside the vocabulary", $"{id}", Prefix + $"{role}_token_id");
        }
        var bos = Item("bos", family.AddBos);
        var eos = Item("eos", false);
        if (bos.Count + eos.Count == 0) return null;
        TemplateItem a = new(0, [], [], 0), b = new(1, [], [], 0);
        return new TemplatePostProcessor([.. bos, a, .. eos], [.. bos, a, .. eos, .. bos, b, .. eos]);
    }

    private static RoleIds Roles(IReadOnlyDictionary<string, object> metadata)
    {
        // Chat models may end a turn with another token than a text.
        int?[] ends = [Id(metadata, "eos"), Id(metadata, "eot"), Id(metadata, "eom")];
        return new RoleIds(Id(metadata, "bos"), [.. ends.OfType<int>().Distinct()], Id(metadata, "padding"));
    }

    private static object Value(IReadOnlyDictionary<string, object> metadata, string key)
        => metadata.TryGetValue(Prefix + key, out var value) ? value
            : throw new BadInputException("the metadata has no such key, so the file carries no tokenizer that can be used", place: Prefix + key, remedy: "Token ids can be used instead of texts.");

    private static string Text(IReadOnlyDictionary<string, object> metadata, string key) => Value(metadata, key) as string ?? throw Wrong(key, "a string");

    private static string[] Texts(IReadOnlyDictionary<string, object> metadata, string key) => Value(metadata, key) as string[] ?? throw Wrong(key, "a list of strings");

    private static List<int> Numbers(IReadOnlyDictionary<string, object> metadata, string key)
        => Value(metadata, key) is IEnumerable list and not string ? [.. list.Cast<object>().Select(v => Whole(v, key))] : throw Wrong(key, "a list of numbers");

    private static bool Flag(IReadOnlyDictionary<string, object> metadata, string key, bool otherwise)
        => !metadata.TryGetValue(Prefix + key, out var value) ? otherwise : value as bool? ?? throw Wrong(key, "true or false");

    private static int? Id(IReadOnlyDictionary<string, object> metadata, string role)
        => metadata.TryGetValue($"{Prefix}{role}_token_id", out var value) ? Whole(value, $"{role}_token_id") : null;

    private static int Whole(object value, string key)
    {
        if (value is not (byte or sbyte or short or ushort or int or uint or long or ulong)) throw Wrong(key, "a whole number");
        decimal number = Convert.ToDecimal(value, System.Globalization.CultureInfo.InvariantCulture);
        return number is >= 0 and <= int.MaxValue ? (int)number : throw Wrong(key, "a number from 0 to 2^31 - 1");
    }

    private static BadInputException Wrong(string key, string expected) => new("the value has the wrong type", place: Prefix + key, expected: expected);

    private static BadInputException NotYet(string key, string value, string known)
        => new("this kind of tokenizer is not supported yet", value, Prefix + key, known, "Use the model's Hugging Face folder, or give token ids instead of texts.");

    private sealed record Family(IPattern Pattern, INormalizer? Normalizer = null, bool Digits = false, bool IgnoreMerges = false, bool AddBos = false);
}

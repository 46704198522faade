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
internal static partial class GgufTokenizer
{
    // By tokenizer.ggml.model.
    private static readonly Dictionary<string, Kind> Kinds = new(StringComparer.Ordinal)
    {
        ["gpt2"] = new(ByteLevelBpe) { Sections = ByteLevelSections },
        ["llama"] = new(SentencePieceBpe, Bos: 1, Eos: 2, Unknown: 0, AddBos: true) { Sections = SentencePieceSections },
        ["bert"] = new(WordPiece, Bos: 101, Separator: 102, Unknown: 100, Pad: 0, AddBos: true, AddSeparator: true),
        ["t5"] = new(Unigram, Eos: 1, Unknown: 2, Pad: 0, AddEos: true),
    };

    /// <summary>The tokenizer.</summary>
    public static Tokenizer Read(IReadOnlyDictionary<string, object> metadata)
    {
        var fields = new GgufFields(metadata);
        string model = fields.Text("model");
        if (!Kinds.TryGetValue(model, out var kind)) throw GgufFields.NotYet("model", model, Kinds.Keys);
        var vocabulary = new GgufVocabulary(fields);
        var parts = kind.Make(fields, vocabulary, kind);
        return new Tokenizer(parts, Roles(fields, vocabulary, kind));
    }

    private static TokenizerParts ByteLevelBpe(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        var family = Family(fields);
        var merges = Merges(fields, vocabulary.Ids);
        kind = kind with { AddBos = family.AddBos };
        if (family.RawText) return RawBpe(fields, vocabulary, kind, family, merges);
        var cutting = new SequencePreTokenizer([
            .. family.Patterns.Select(p => new SplitPreTokenizer(Regex.Parse(p, GgufFields.Prefix + "pre"), SplitBehavior.Isolated, invert: false)),
            new ByteLevelPreTokenizer(fields.Flag("add_space_prefix", false), useRegex: false)]);
        return new TokenizerParts(Added(vocabulary), family.Nfc ? new UnicodeNormalizer(compatible: false, compose: true) : null, cutting,
            new BpeModel(vocabulary.Ids, merges, new BpeOptions(ByteLevel: true, IgnoreMerges: family.IgnoreMerges)), Ends(fields, vocabulary, kind), new ByteLevelDecoder());
    }

    private static GgufFamily Family(GgufFields fields)
    {
        string pre = fields.Text("pre");
        return GgufFamilies.All.TryGetValue(pre, out var family) ? family : throw GgufFields.NotYet("pre", pre, GgufFamilies.All.Keys);
    }

    // Merges over the text's own characters, blanks written as U+2581, bytes for what the vocabulary lacks.
    private static TokenizerParts RawBpe(GgufFields fields, GgufVocabulary vocabulary, Kind kind, GgufFamily family, BpeMerges merges) => new(
        Added(vocabulary), new ReplaceNormalizer(new LiteralPattern(" "), "\u2581"),
        new SequencePreTokenizer([.. family.Patterns.Select(p => new SplitPreTokenizer(Regex.Parse(p, GgufFields.Prefix + "pre"), SplitBehavior.Isolated, invert: false))]),
        new BpeModel(vocabulary.Ids, merges, new BpeOptions(ByteLevel: false, UnknownToken: Unknown(fields, vocabulary, kind) is { } id ? vocabulary.Pieces[id].Text : null, FuseUnknown: true, ByteFallback: true)),
        Ends(fields, vocabulary, kind), SentencePieceParts.Decoder(prefixed: false, suffixed: false));

    private static TokenizerParts SentencePieceBpe(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        bool prefix = fields.Flag("add_space_prefix", true);
        if (!fields.Has("scores")) fields.Floats("scores");
        return new TokenizerParts(Added(vocabulary),
            new SequenceNormalizer([.. prefix ? [new PrependNormalizer("\u2581")] : Array.Empty<INormalizer>(), new ReplaceNormalizer(new LiteralPattern(" "), "\u2581")]),
            PreTokenizer: null, new SentencePieceBpeModel(vocabulary.Pieces, Unknown(fields, vocabulary, kind) ?? -1, byteFallback: true, symbols: null),
            Ends(fields, vocabulary, kind), SentencePieceParts.Decoder(prefix, suffixed: false));
    }

    private static TokenizerParts Unigram(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        byte[] rules = fields.Bytes("precompiled_charsmap");
        bool prefix = fields.Flag("add_space_prefix", false);
        var spec = new SentencePieceNormalization(rules.Length == 0 ? null : new Charsmap(rules, GgufFields.Prefix + "precompiled_charsmap"), prefix, fields.Flag("remove_extra_whitespaces", false));
        var scores = fields.Floats("scores").Where((_, id) => vocabulary.Pieces[id].Kind == PieceKind.Normal).DefaultIfEmpty();
        return new TokenizerParts(Added(vocabulary), new SentencePieceNormalizer(spec, symbols: null), PreTokenizer: null,
            new UnigramModel([.. vocabulary.Pieces.Select(p => (p.Text, (double)p.Score, p.Kind == PieceKind.Normal))],
                new UnigramOptions(Unknown(fields, vocabulary, kind), vocabulary.Pieces.Any(p => p.Kind == PieceKind.Byte), scores.Min())),
            Ends(fields, vocabulary, kind), SentencePieceParts.Decoder(prefix, suffixed: false));
    }

    // The file writes U+2581 before pieces that begin a word and nothing before the others; here it is the other way round, as in the model's own vocabulary.
    private static TokenizerParts WordPiece(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        var spelled = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < vocabulary.Pieces.Count; id++) spelled.TryAdd(Spelled(vocabulary.Pieces[id]), id);
        bool lowercase = fields.Flag("normalizer.lowercase", true);
        int unknown = Unknown(fields, vocabulary, kind) ?? throw new BadInputException("the vocabulary has no unknown token", place: GgufFields.Prefix + "unknown_token_id");
        var cutting = new SequencePreTokenizer([
            new SplitPreTokenizer(CharacterPattern.Space, SplitBehavior.Removed, invert: false), new SplitPreTokenizer(CharacterPattern.Punctuation, SplitBehavior.Isolated, invert: false)]);
        return new TokenizerParts(Added(vocabulary),
            BertNormalizer.Make(cleanText: true, chinese: true, fields.Flag("normalizer.strip_accents", lowercase), lowercase), cutting,
            new WordPieceModel(spelled, Spelled(vocabulary.Pieces[unknown]), "", "##", longestWord: 100), Ends(fields, vocabulary, kind), new WordPieceDecoder("##", cleanup: true));

        static string Spelled(Piece piece)
        {
            if (piece.Text.Length > 1 && piece.Text[0] == '\u2581') return piece.Text[1..];
            bool whole = piece.Kind != PieceKind.Normal || (piece.Text.Length > 2 && piece.Text[0] == '[' && piece.Text[^1] == ']');
            return whole ? piece.Text : "##" + piece.Text;
        }
    }

    private static BpeMerges Merges(GgufFields fields, Dictionary<string, int> vocabulary)
    {
        var merges = new BpeMerges();
        foreach (string merge in fields.Texts("merges"))
        {
            var (left, right) = ModelReader.Written(merge, GgufFields.Prefix + "merges");
            merges.Add(Id(left), Id(right), Id(left + right));
        }
        return merges;

        int Id(string token) => vocabulary.TryGetValue(token, out int id) ? id : throw new BadInputException("a merge names a token that is not in the vocabulary", token, GgufFields.Prefix + "merges");
    }

    private static List<AddedToken> Added(GgufVocabulary vocabulary)
        => [.. vocabulary.Pieces.Select((p, id) => (p.Kind, Token: new AddedToken(id, p.Text, Special: p.Kind != PieceKind.UserDefined)))
            .Where(t => t.Kind is PieceKind.Control or PieceKind.UserDefined or PieceKind.Unknown).Select(t => t.Token)];

    private static TemplatePostProcessor? Ends(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        var (first, last, middle) = EndIds(fields, vocabulary, kind);
        TemplateItem[] Item(int? id) => id is { } known ? [new TemplateItem(null, [known], [vocabulary.Pieces[known].Text], 0)] : [];
        TemplateItem[] bos = Item(first), eos = Item(last), separator = Item(middle);
        if (bos.Length + eos.Length + separator.Length == 0) return null;
        if (!kind.AddSeparator) return TemplatePostProcessor.Around(bos, eos, eos);
        TemplateItem a = new(0, [], [], 0), b = new(1, [], [], 1);
        return new TemplatePostProcessor([.. bos, a, .. eos, .. separator], [.. bos, a, .. separator, b, .. eos, .. separator.Select(s => s with { TypeId = 1 })]);
    }

    // The tokens that are put around every text.
    private static (int? Bos, int? Eos, int? Separator) EndIds(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        int? Added(string flag, bool otherwise, int? id)
            => !fields.Flag(flag, otherwise) ? null : id ?? throw new BadInputException($"{flag} is set but there is no such token",
                place: GgufFields.Prefix + flag);
        return (Added("add_bos_token", kind.AddBos, vocabulary.Role(fields, "cls") ?? vocabulary.Role(fields, "bos", kind.Bos)),
            Added("add_eos_token", kind.AddEos, vocabulary.Role(fields, "eos", kind.Eos)),
            Added("add_sep_token", kind.AddSeparator, vocabulary.Role(fields, "seperator", kind.Separator))); // the format's own spelling
    }

    private static int? Unknown(GgufFields fields, GgufVocabulary vocabulary, Kind kind) => vocabulary.Role(fields, "unknown", kind.Unknown);

    private static RoleIds Roles(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        // Chat models may end a turn with another token than a text.
        int?[] ends = [vocabulary.Role(fields, "eos", kind.Eos), fields.Id("eot"), fields.Id("eom")];
        return new RoleIds(vocabulary.Role(fields, "bos", kind.Bos), [.. ends.OfType<int>().Distinct()], vocabulary.Role(fields, "padding", kind.Pad));
    }

    // What goes without saying for a kind: ids and tokens that are added unless the metadata says otherwise.
    private sealed record Kind(
        Func<GgufFields, GgufVocabulary, Kind, TokenizerParts> Make, int? Bos = null, int? Eos = null, int? Separator = null, int? Unknown = null, int? Pad = null,
        bool AddBos = false, bool AddEos = false, bool AddSeparator = false)
    {
        /// <summary>How it is written as tokenizer.json; null: it is not.</summary>
        public Func<GgufFields, GgufVocabulary, Kind, JsonSections>? Sections { get; init; }
    }
}

using LowRank.Tensors;
using LowRank.Text.Decoders;
using LowRank.Text.Normalizers;
using LowRank.Text.Patterns;
using LowRank.Text.PostProcessors;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>The component types of tokenizer.json that are built, a table each: a new one is a file and a row.</summary>
internal static class ComponentTables
{
    private static readonly Dictionary<string, Func<Node, INormalizer>> Normalizers = new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => new SequenceNormalizer([.. n.Required("normalizers").Items().Select(Normalizer)]),
        ["NFC"] = _ => new UnicodeNormalizer(compatible: false, compose: true),
        ["NFD"] = _ => new UnicodeNormalizer(compatible: false, compose: false),
        ["NFKC"] = _ => new UnicodeNormalizer(compatible: true, compose: true),
        ["NFKD"] = _ => new UnicodeNormalizer(compatible: true, compose: false),
        ["Lowercase"] = _ => new LowercaseNormalizer(),
        ["Strip"] = n => new StripNormalizer(n["strip_left"].Bool(true), n["strip_right"].Bool(true)),
        ["StripAccents"] = _ => new FilterNormalizer(c => !Accents.IsMark(c)),
        ["Prepend"] = n => new PrependNormalizer(n.Required("prepend").String()),
        ["Replace"] = n => new ReplaceNormalizer(Replaced(n.Required("pattern")), n.Required("content").String()),
        ["BertNormalizer"] = n => BertNormalizer.Make(n["clean_text"].Bool(true), n["handle_chinese_chars"].Bool(true), n["strip_accents"].Bool(n["lowercase"].Bool(true)), n["lowercase"].Bool(true)),
        ["Nmt"] = _ => NmtNormalizer.Make(),
        ["Precompiled"] = n => new PrecompiledNormalizer(Charsmap.FromBase64(n.Required("precompiled_charsmap").String(), n["precompiled_charsmap"].Place)),
        ["ByteLevel"] = _ => new ByteLevelNormalizer(),
    };

    private static readonly Dictionary<string, Func<Node, IPostProcessor>> PostProcessors = new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => new SequencePostProcessor([.. n.Required("processors").Items().Select(PostProcessor)]),
        ["ByteLevel"] = n => new ByteLevelPostProcessor(n["trim_offsets"].Bool(true), n["add_prefix_space"].Bool(true)),
        ["TemplateProcessing"] = TemplateReader.Read,
        ["BertProcessing"] = n => new BertPostProcessor(Special(n.Required("cls")), Special(n.Required("sep"))),
        ["RobertaProcessing"] = n => new RobertaPostProcessor(Special(n.Required("cls")), Special(n.Required("sep")), n["trim_offsets"].Bool(true), n["add_prefix_space"].Bool(true)),
    };

    private static readonly Dictionary<string, Func<Node, IDecoder>> Decoders = new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => n.Required("decoders").Items().Select(Decoder).ToList() is { Count: 1 } only ? only[0] : new SequenceDecoder([.. n.Required("decoders").Items().Select(Decoder)]),
        ["ByteLevel"] = _ => new ByteLevelDecoder(),
        ["ByteFallback"] = _ => new ByteFallbackDecoder(),
        ["Fuse"] = _ => new FuseDecoder(),
        ["Strip"] = n => new StripDecoder(n.Required("content").Character(), n.Required("start").Index(), n.Required("stop").Index()),
        ["Replace"] = n => new ReplaceDecoder(Replaced(n.Required("pattern")), n.Required("content").String(), IsOneUnit(n["pattern"])),
        ["Metaspace"] = n => new MetaspaceDecoder(n.Required("replacement").Character(), PreTokenizerTable.Scheme(n) != PrependScheme.Never),
        ["WordPiece"] = n => new WordPieceDecoder(n["prefix"].String("##"), n["cleanup"].Bool(true)),
        ["BPEDecoder"] = n => new BpeDecoder(n["suffix"].String("</w>")),
        ["CTC"] = n => new CtcDecoder(n["pad_token"].String("<pad>"), n["word_delimiter_token"].String("|"), n["cleanup"].Bool(true)),
    };

    /// <summary>A normalizer.</summary>
    public static INormalizer Normalizer(Node node) => Make(Normalizers, node, "normalizer");
    /// <summary>A pre-tokenizer; where the model does not take bytes, a byte-level one respells them.</summary>
    public static IPreTokenizer PreTokenizer(Node node, bool respell = false) => Make(PreTokenizerTable.Of(respell), node, "pre-tokenizer");
    /// <summary>A post-processor.</summary>
    public static IPostProcessor PostProcessor(Node node) => Make(PostProcessors, node, "post-processor");
    /// <summary>A decoder.</summary>
    public static IDecoder Decoder(Node node) => Make(Decoders, node, "decoder");

    private static T Make<T>(Dictionary<string, Func<Node, T>> table, Node node, string kind)
    {
        string type = node.Required("type").String();
        return table.TryGetValue(type, out var make) ? make(node) : throw node.NotYet($"the {kind} '{type}'");
    }

    // A special token is written as [token, id].
    private static SpecialToken Special(Node node)
        => node.Items().ToList() is { Count: 2 } pair ? new SpecialToken(pair[0].String(), pair[1].Index()) : throw node.Wrong("a token and its id");

    private static bool IsOneUnit(Node pattern) => !pattern["String"].IsNull && pattern["String"].String().Length == 1;

    // Here the empty string is an expression, found between all characters.
    private static IPattern Replaced(Node node) => Pattern(node) ?? Regex.Parse("", node.Place);

    /// <summary>A pattern, a string or a regular expression; null for the empty string, which is found nowhere.</summary>
    public static IPattern? Pattern(Node node)
    {
        if (!node["String"].IsNull) return node["String"].String() is { Length: > 0 } literal ? new LiteralPattern(literal) : null;
        return Regex.Parse(node.Required("Regex").String(), node.Place);
    }
}

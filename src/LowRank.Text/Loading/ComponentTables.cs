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
    };

    private static readonly Dictionary<string, Func<Node, IPostProcessor>> PostProcessors = new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => new SequencePostProcessor([.. n.Required("processors").Items().Select(PostProcessor)]),
        ["ByteLevel"] = n => new ByteLevelPostProcessor(n["trim_offsets"].Bool(true), n["add_prefix_space"].Bool(true)),
        ["TemplateProcessing"] = TemplateReader.Read,
    };

    private static readonly Dictionary<string, Func<Node, IDecoder>> Decoders = new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => n.Required("decoders").Items().Select(Decoder).ToList() is { Count: 1 } only ? only[0] : new SequenceDecoder([.. n.Required("decoders").Items().Select(Decoder)]),
        ["ByteLevel"] = _ => new ByteLevelDecoder(),
    };

    /// <summary>A normalizer.</summary>
    public static INormalizer Normalizer(Node node) => Make(Normalizers, node, "normalizer");
    /// <summary>A pre-tokenizer; where the model does not take bytes, a byte-level one respells them.</summary>
    public static IPreTokenizer PreTokenizer(Node node, bool respell) => Make(PreTokenizerTable.Of(respell), node, "pre-tokenizer");
    /// <summary>A post-processor.</summary>
    public static IPostProcessor PostProcessor(Node node) => Make(PostProcessors, node, "post-processor");
    /// <summary>A decoder.</summary>
    public static IDecoder Decoder(Node node) => Make(Decoders, node, "decoder");

    private static T Make<T>(Dictionary<string, Func<Node, T>> table, Node node, string kind)
    {
        string type = node.Required("type").String();
        return table.TryGetValue(type, out var make) ? make(node) : throw node.NotYet($"the {kind} '{type}'");
    }

    /// <summary>A pattern, a string or a regular expression; null for the empty string, which is found nowhere.</summary>
    public static IPattern? Pattern(Node node)
    {
        if (!node["String"].IsNull) return node["String"].String() is { Length: > 0 } literal ? new LiteralPattern(literal) : null;
        return Regex.Parse(node.Required("Regex").String(), node.Place);
    }
}

using LowRank.Text.Patterns;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>The pre-tokenizers of tokenizer.json by type.</summary>
internal static class PreTokenizerTable
{
    private static readonly Dictionary<string, Func<Node, IPreTokenizer>> Bytes = Make(respell: false), Characters = Make(respell: true);

    /// <summary>The table; `respell`: a byte-level one writes bytes as characters, for models that do not take bytes.</summary>
    public static Dictionary<string, Func<Node, IPreTokenizer>> Of(bool respell) => respell ? Characters : Bytes;

    private static Dictionary<string, Func<Node, IPreTokenizer>> Make(bool respell) => new(StringComparer.Ordinal)
    {
        ["Sequence"] = n => new SequencePreTokenizer([.. n.Required("pretokenizers").Items().Select(step => ComponentTables.PreTokenizer(step, respell))]),
        ["ByteLevel"] = n => new ByteLevelPreTokenizer(n["add_prefix_space"].Bool(true), n["use_regex"].Bool(true), respell),
        ["Split"] = n => new SplitPreTokenizer(ComponentTables.Pattern(n.Required("pattern")) ?? new LiteralPattern(""), OneOf<SplitBehavior>(n.Required("behavior")), n["invert"].Bool(false)),
        ["Digits"] = n => new DigitsPreTokenizer(n["individual_digits"].Bool(false)),
        ["Whitespace"] = _ => new WhitespacePreTokenizer(),
        ["WhitespaceSplit"] = _ => new SplitPreTokenizer(CharacterPattern.Space, SplitBehavior.Removed, invert: false),
        ["Punctuation"] = n => new SplitPreTokenizer(CharacterPattern.Punctuation, n["behavior"].IsNull ? SplitBehavior.Isolated : OneOf<SplitBehavior>(n["behavior"]), invert: false),
        ["CharDelimiterSplit"] = n => new SplitPreTokenizer(new CharacterPattern(CodePointSet.Of(Character(n.Required("delimiter")))), SplitBehavior.Removed, invert: false),
        ["BertPreTokenizer"] = _ => new SequencePreTokenizer([
            new SplitPreTokenizer(CharacterPattern.Space, SplitBehavior.Removed, invert: false),
            new SplitPreTokenizer(CharacterPattern.Punctuation, SplitBehavior.Isolated, invert: false)]),
        ["Metaspace"] = n => new MetaspacePreTokenizer(Character(n.Required("replacement")), Scheme(n), n["split"].Bool(true)),
        ["UnicodeScripts"] = _ => new UnicodeScriptsPreTokenizer(),
        ["FixedLength"] = n => new FixedLengthPreTokenizer(n["length"].IsNull ? 5 : n["length"].Index() is > 0 and int length ? length : throw n["length"].Wrong("a length from 1")),
    };

    /// <summary>Where a Metaspace puts its sign; older files say so by a truth value.</summary>
    public static PrependScheme Scheme(Node node)
    {
        var old = node["add_prefix_space"];
        if (node["prepend_scheme"].IsNull) return old.Bool(true) ? PrependScheme.Always : PrependScheme.Never;
        string scheme = node["prepend_scheme"].String();
        int at = Array.IndexOf(["always", "first", "never"], scheme);
        if (at < 0) throw node["prepend_scheme"].Wrong("always, first or never");
        return old.Bool(true) || at == (int)PrependScheme.Never ? (PrependScheme)at : throw old.Wrong($"true, as prepend_scheme is {scheme}");
    }

    /// <summary>A string of one character.</summary>
    public static int Character(Node node)
    {
        string text = node.String();
        return text.Length > 0 && Unicode.At(text, 0, out int length) is var c && length == text.Length ? c : throw node.Wrong("one character");
    }

    private static T OneOf<T>(Node node) where T : struct, Enum
        => Enum.GetNames<T>().Contains(node.String(), StringComparer.Ordinal) ? Enum.Parse<T>(node.String()) : throw node.Wrong(string.Join(", ", Enum.GetNames<T>()));
}

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Text.Models;

namespace LowRank.Text;

/// <summary>Writes the tokenizer that a GGUF file's metadata describe as tokenizer.json.</summary>
internal static partial class GgufTokenizer
{
    private const string Blank = "\u2581";

    /// <summary>Writes the file. Null, or why this tokenizer has no form there that gives the same ids; nothing is written then.</summary>
    public static string? WriteJson(IReadOnlyDictionary<string, object> metadata, Stream stream)
    {
        var fields = new GgufFields(metadata);
        string model = fields.Text("model");
        if (!Kinds.TryGetValue(model, out var kind) || kind.Sections is null) return $"a tokenizer of the kind '{model}' is not written";
        var vocabulary = new GgufVocabulary(fields);
        var sections = kind.Sections(fields, vocabulary, kind);
        if (sections.Refusal is not null) return sections.Refusal;
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        writer.WriteStartArray("added_tokens");
        foreach (var token in Added(vocabulary))
            new JsonObject
            {
                ["id"] = token.Id, ["content"] = token.Content, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false,
                    ["normalized"] = false, ["special"] = token.Special,
            }.WriteTo(writer);
        writer.WriteEndArray();
        foreach (var (name, node) in ((string, JsonNode?)[])
            [("normalizer", sections.Normalizer), ("pre_tokenizer", sections.PreTokenizer),
                ("post_processor", PostProcessor(fields, vocabulary, sections.Kind)), ("decoder", sections.Decoder)])
        {
            writer.WritePropertyName(name);
            if (node is null) writer.WriteNullValue();
            else node.WriteTo(writer);
        }
        WriteModel(writer, vocabulary, sections);
        writer.WriteEndObject();
        return null;
    }

    private static void WriteModel(Utf8JsonWriter writer, GgufVocabulary vocabulary, JsonSections sections)
    {
        writer.WriteStartObject("model");
        foreach (var (name, value) in sections.Options)
        {
            writer.WritePropertyName(name);
            if (value is null) writer.WriteNullValue();
            else value.WriteTo(writer);
        }
        writer.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.Pieces.Count; id++) writer.WriteNumber(vocabulary.Pieces[id].Text, id);
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach (var (left, right) in sections.Merges)
        {
            writer.WriteStartArray();
            writer.WriteStringValue(left);
            writer.WriteStringValue(right);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static JsonSections ByteLevelSections(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        var family = Family(fields);
        kind = kind with { AddBos = family.AddBos };
        var merges = fields.Texts("merges").Select(m => ModelReader.Written(m, GgufFields.Prefix + "merges"));
        JsonArray cuts = [.. family.Patterns.Select(p => (JsonNode)new JsonObject { ["type"] = "Split",
            ["pattern"] = new JsonObject { ["Regex"] = p }, ["behavior"] = "Isolated", ["invert"] = false })];
        if (family.RawText)
        {
            string? unknown = Unknown(fields, vocabulary, kind) is { } id ? vocabulary.Pieces[id].Text : null;
            return new(kind, Replacing(" ", Blank), Sequence("pretokenizers", cuts), PieceDecoder(prefixed: false),
                Bpe(unknown, fuse: true, byteFallback: true), merges);
        }
        cuts.Add(new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = fields.Flag("add_space_prefix", false),
            ["trim_offsets"] = true, ["use_regex"] = false });
        return new(kind, family.Nfc ? new JsonObject { ["type"] = "NFC" } : null, Sequence("pretokenizers", cuts),
            new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true, ["use_regex"] = true },
            Bpe(null, fuse: false, byteFallback: false, family.IgnoreMerges), merges);
    }

    private static JsonSections SentencePieceSections(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        bool prefix = fields.Flag("add_space_prefix", true);
        var (merges, refusal) = SentencePieceMerges.Of(vocabulary.Pieces);
        JsonArray steps = [.. prefix ? [new JsonObject { ["type"] = "Prepend", ["prepend"] = Blank }] : Array.Empty<JsonNode>(),
            Replacing(" ", Blank)];
        string? unknown = Unknown(fields, vocabulary, kind) is { } id ? vocabulary.Pieces[id].Text : null;
        return new(kind, Sequence("normalizers", steps), null, PieceDecoder(prefix), Bpe(unknown, fuse: true, byteFallback: true),
            merges) { Refusal = refusal };
    }

    private static JsonObject Bpe(string? unknown, bool fuse, bool byteFallback, bool ignoreMerges = false) => new()
    {
        ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = unknown, ["continuing_subword_prefix"] = null, ["end_of_word_suffix"] = null,
        ["fuse_unk"] = fuse, ["byte_fallback"] = byteFallback, ["ignore_merges"] = ignoreMerges,
    };

    private static JsonObject Sequence(string list, JsonArray steps) => new() { ["type"] = "Sequence", [list] = steps };

    private static JsonObject Replacing(string what, string with) => new() { ["type"] = "Replace",
        ["pattern"] = new JsonObject { ["String"] = what }, ["content"] = with };

    private static JsonObject PieceDecoder(bool prefixed)
    {
        JsonArray steps = [Replacing(Blank, " "), new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" }];
        if (prefixed) steps.Add(new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 });
        return Sequence("decoders", steps);
    }

    private static JsonObject? PostProcessor(GgufFields fields, GgufVocabulary vocabulary, Kind kind)
    {
        var (bos, eos, _) = EndIds(fields, vocabulary, kind);
        if (bos is null && eos is null) return null;
        JsonNode Special(int id) => new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = vocabulary.Pieces[id].Text,
            ["type_id"] = 0 } };
        JsonNode[] Around(string name) =>
        [
            .. bos is { } b ? [Special(b)] : Array.Empty<JsonNode>(),
            new JsonObject { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } },
            .. eos is { } e ? [Special(e)] : Array.Empty<JsonNode>(),
        ];
        var specials = new JsonObject();
        foreach (int id in new[] { bos, eos }.OfType<int>().Distinct())
            specials[vocabulary.Pieces[id].Text] = new JsonObject { ["id"] = vocabulary.Pieces[id].Text, ["ids"] = new JsonArray(id),
                ["tokens"] = new JsonArray(vocabulary.Pieces[id].Text) };
        return new JsonObject { ["type"] = "TemplateProcessing", ["single"] = new JsonArray(Around("A")),
            ["pair"] = new JsonArray([.. Around("A"), .. Around("B")]), ["special_tokens"] = specials };
    }

    /// <summary>What tokenizer.json says; the vocabulary's pieces are the same in all.</summary>
    private sealed record JsonSections(Kind Kind, JsonNode? Normalizer, JsonNode? PreTokenizer, JsonNode Decoder, JsonObject Options,
        IEnumerable<(string Left, string Right)> Merges)
    {
        public string? Refusal { get; init; }
    }
}

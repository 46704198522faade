using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.AddedTokens;
using LowRank.Text.Chat;
using LowRank.Text.Decoders;
using LowRank.Text.Models;
using LowRank.Text.PostProcessors;

namespace LowRank.Text;

/// <summary>Text to token ids and back, as a model's tokenizer.json or GGUF metadata defines it. Safe for several threads.</summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly AddedTokenFinder _added;
    private readonly TextEncoderPool _encoders;
    private readonly int _specialTokens, _specialTokensOfPair;

    internal Tokenizer(TokenizerParts parts, RoleIds? roles = null)
    {
        (_parts, _added) = (parts, new AddedTokenFinder(parts.AddedTokens, parts.Normalizer));
        _encoders = new TextEncoderPool(() => new TextEncoder(_added, parts.PreTokenizer, parts.Model, TokenOf));
        // What a post-processor makes of nothing are the special tokens that it adds.
        if (parts.PostProcessor is { } processor)
        {
            _specialTokens = processor.Process([new EncodingPart(full: true)], addSpecialTokens: true).Sum(p => p.Ids.Count);
            _specialTokensOfPair = processor.Process([new EncodingPart(full: true), new EncodingPart(full: true, typeId: 1)], addSpecialTokens: true).Sum(p => p.Ids.Count);
        }
        VocabularySize = Math.Max(parts.Model.Size, _added.Size);
        (BosId, EosIds, PadId) = roles?.Check(VocabularySize) ?? new RoleIds();
    }

    /// <summary>Reads a model folder: tokenizer.json, and which tokens begin, end and pad from the files beside it.</summary>
    /// <exception cref="BadInputException">The folder has no tokenizer that can be read, or a file is malformed.</exception>
    public static Tokenizer FromFolder(string folder) => In(folder, () => TokenizerFolder.Read(folder));

    /// <summary>Whether a folder has the file of a tokenizer that can be read.</summary>
    public static bool IsIn(string folder) => TokenizerFolder.File(folder) is not null;

    /// <summary>Reads a tokenizer.json alone; it does not say which tokens begin, end and pad a text.</summary>
    /// <exception cref="BadInputException">The file is malformed or uses a part of the format that is not supported yet.</exception>
    public static Tokenizer FromFile(string tokenizerJson) => In(tokenizerJson, () => new(TokenizerFile.Read(tokenizerJson)));

    /// <summary>Makes the tokenizer that a GGUF file's metadata describes.</summary>
    /// <param name="metadata">The file's pairs.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="BadInputException">Keys are missing, of the wrong type, or of a kind that is not supported yet.</exception>
    public static Tokenizer FromGguf(IReadOnlyDictionary<string, object> metadata, string? file = null) => In(file, () =>
    {
        var tokenizer = GgufTokenizer.Read(metadata);
        (tokenizer.Templates, tokenizer.SpecialTokens) = (TemplateFiles.OfGguf(metadata, file), TemplateFiles.SpecialTokens(metadata, tokenizer.TokenOf));
        return tokenizer;
    });

    /// <summary>Reads whatever holds a model's tokenizer: its folder, a .gguf file, a tokenizer.json.</summary>
    /// <exception cref="BadInputException">As for the other ways.</exception>
    public static Tokenizer Of(string model)
    {
        if (!File.Exists(model)) return FromFolder(model);
        if (model.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) return FromFile(model);
        using var gguf = GgufFile.Open(model);
        return FromGguf(gguf.Metadata, model);
    }

    /// <summary>Whether <see cref="Of"/> finds one.</summary>
    public static bool IsOf(string model)
    {
        if (!File.Exists(model)) return IsIn(model);
        if (!model.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) return true;
        using var gguf = GgufFile.Open(model, lists: false);
        return gguf.Metadata.ContainsKey("tokenizer.ggml.model");
    }

    /// <summary>The files that <see cref="Of"/> may read; chat templates aside.</summary>
    public static IReadOnlyList<string> FilesOf(string model) => File.Exists(model) ? [model] : [.. TokenizerFolder.All(model)];

    /// <summary>One past the largest id.</summary>
    public int VocabularySize { get; }
    /// <summary>The token that begins a text; null where none is named.</summary>
    public int? BosId { get; }
    /// <summary>The tokens that end a text, the one to train on first; empty where none is named.</summary>
    public IReadOnlyList<int> EosIds { get; }
    /// <summary>The token that ends a text: the first of <see cref="EosIds"/>; null where none is named.</summary>
    public int? EosId => EosIds.Count > 0 ? EosIds[0] : null;
    /// <summary>The token that pads; null where none is named.</summary>
    public int? PadId { get; }
    /// <summary>The chat templates that come with it, by name; the usual one is "default".</summary>
    public IReadOnlyDictionary<string, string> ChatTemplates
        => Templates.ToDictionary(t => t.Key, t => t.Value.Source, StringComparer.Ordinal);
    /// <summary>The same with their places.</summary>
    internal IReadOnlyDictionary<string, TemplateText> Templates { get; set; } = new Dictionary<string, TemplateText>();
    /// <summary>The texts of the special tokens by the names that chat templates know: bos_token, eos_token and so on.</summary>
    public IReadOnlyDictionary<string, JsonElement> SpecialTokens { get; internal set; } = new Dictionary<string, JsonElement>();

    internal IDecoder? Decoder => _parts.Decoder;

    /// <summary>The id of a token as the vocabulary writes it; null where there is none.</summary>
    public int? IdOf(string token) => _added.OfContent(token)?.Id ?? _parts.Model.IdOf(token);

    /// <summary>The token of an id as the vocabulary writes it; null where there is none.</summary>
    public string? TokenOf(int id) => _added.OfId(id)?.Content ?? _parts.Model.TokenOf(id);

    /// <summary>Whether an id is a special token, which decoding can leave out.</summary>
    public bool IsSpecial(int id) => _added.OfId(id) is { Special: true };

    /// <summary>How texts are cut to a length, as the file says; null: not at all.</summary>
    public Truncation? Truncation => _parts.Truncation;
    /// <summary>How texts are filled up to a length, as the file says; null: not at all.</summary>
    public Padding? Padding => _parts.Padding;

    /// <summary>The same tokenizer with other truncation and padding; without any, no text is cut or filled whatever the file says.</summary>
    public Tokenizer With(Truncation? truncation = null, Padding? padding = null)
        => truncation == Truncation && padding == Padding ? this
            : new(_parts with { Truncation = truncation, Padding = padding }, new RoleIds(BosId, EosIds, PadId)) { Templates = Templates, SpecialTokens = SpecialTokens };

    /// <summary>The ids of a text; with special tokens around it unless told otherwise (special tokens written in the text are always found).</summary>
    /// <exception cref="BadInputException">The text cannot be cut as the file asks, or holds what the vocabulary has no token for.</exception>
    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        var encoder = _encoders.Take();
        try
        {
            if (_parts is { PostProcessor: null, Truncation: null, Padding: null }) return encoder.Ids(text).ToArray();
            var part = encoder.Encode(text, full: false, typeId: 0);
            Truncation?.Apply([part], addSpecialTokens ? _specialTokens : 0);
            int[] ids = EncodingPart.JoinIds(_parts.PostProcessor?.Process([part], addSpecialTokens) ?? [part]);
            return Padding is { } padding ? padding.Fill(ids) : ids;
        }
        finally { _encoders.Return(encoder); }
    }

    /// <summary>The tokens of a text or of a pair of texts, with their places and masks.</summary>
    /// <exception cref="BadInputException">The text cannot be cut as the file asks, or holds what the vocabulary has no token for.</exception>
    public Encoding EncodeWithOffsets(string text, string? pair = null, bool addSpecialTokens = true)
    {
        var encoding = Unpadded(text, pair, addSpecialTokens, Truncation);
        return Padding is { } padding ? encoding.Pad(padding.LengthFor(encoding.Ids.Count), padding) : encoding;
    }

    /// <summary>The ids of many texts, in order, on many threads (0: as many as there are processors).</summary>
    /// <exception cref="BadInputException">As for <see cref="Encode"/>, of the first text that fails.</exception>
    public int[][] EncodeAll(IReadOnlyList<string> texts, bool addSpecialTokens = true, int threads = 0)
    {
        var result = new int[texts.Count][];
        Batches.Run(texts.Count, threads, i => result[i] = Encode(texts[i], addSpecialTokens));
        return result;
    }

    /// <summary>Texts or pairs encoded together, as the file's own truncation and padding say.</summary>
    /// <exception cref="BadInputException">As for <see cref="Encode"/>, of the first text that fails.</exception>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<(string Text, string? Pair)> texts, bool addSpecialTokens = true)
        => EncodeBatch(texts, Truncation, Padding, addSpecialTokens);

    /// <summary>Texts or pairs encoded together, cut and filled as given (null: not).</summary>
    /// <exception cref="BadInputException">As for <see cref="Encode"/>, of the first text that fails.</exception>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<(string Text, string? Pair)> texts, Truncation? truncation, Padding? padding, bool addSpecialTokens = true)
    {
        var rows = new Encoding[texts.Count];
        Batches.Run(texts.Count, 0, i => rows[i] = Unpadded(texts[i].Text, texts[i].Pair, addSpecialTokens, truncation));
        if (padding is null || rows.Length == 0) return rows;
        int length = padding.LengthFor(rows.Max(r => r.Ids.Count), rows.Length);
        return [.. rows.Select(r => r.Pad(length, padding))];
    }

    private Encoding Unpadded(string text, string? pair, bool addSpecialTokens, Truncation? truncation)
    {
        var encoder = _encoders.Take();
        try
        {
            List<EncodingPart> sequences = [encoder.Encode(text, full: true, typeId: 0)];
            if (pair is not null) sequences.Add(encoder.Encode(pair, full: true, typeId: 1));
            truncation?.Apply(sequences, !addSpecialTokens ? 0 : pair is null ? _specialTokens : _specialTokensOfPair);
            return EncodingPart.Join(_parts.PostProcessor?.Process(sequences, addSpecialTokens) ?? sequences);
        }
        finally { _encoders.Return(encoder); }
    }

    /// <summary>The text of ids; unknown ids are left out, broken characters become U+FFFD.</summary>
    public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = false)
    {
        var tokens = new List<string>(ids.Count);
        foreach (int id in ids)
            if (TokenForDecoding(id, skipSpecialTokens) is { } token) tokens.Add(token);
        return _parts.Decoder is null ? string.Join(' ', tokens) : string.Concat(_parts.Decoder.Decode(tokens));
    }

    /// <summary>A decoder for tokens that come one by one.</summary>
    public StreamingDecoder NewStream(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    internal string? TokenForDecoding(int id, bool skipSpecialTokens)
        => _added.OfId(id) is { } added ? added.Special && skipSpecialTokens ? null : added.Content : _parts.Model.TokenOf(id);

    // Parts are read without knowing the file; every error names it.
    private static Tokenizer In(string? file, Func<Tokenizer> read)
    {
        try { return read(); }
        catch (BadInputException e) when (file is not null) { throw e.In(file); }
    }
}

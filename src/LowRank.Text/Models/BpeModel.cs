using System.Text;
using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>Byte-pair encoding: a word's characters (byte level: its bytes) are joined pair by pair, the pair learnt first being joined first.</summary>
internal sealed class BpeModel : IModel
{
    [ThreadStatic]
    private static TokenBuffer? _symbols;

    private readonly Dictionary<string, int> _idOf;
    private readonly string?[] _tokenOf;
    private readonly ByteVocabulary _byBytes;
    private readonly BpeMerges _merges;
    private readonly BpeOptions _options;
    private readonly BpeCuts? _cuts;
    private readonly byte[] _prefix, _suffix;
    private readonly int _unknown;
    private readonly int[] _fallback = new int[256], _byByte = new int[256];

    /// <summary>Makes the model.</summary>
    /// <param name="vocabulary">Tokens as they are written in the file.</param>
    /// <param name="merges">Pairs of ids, the first one learnt first, and what each makes.</param>
    /// <param name="options">The other fields of the file.</param>
    /// <param name="cuts">Where words can be cut without a change; null: nowhere.</param>
    public BpeModel(Dictionary<string, int> vocabulary, BpeMerges merges, BpeOptions options, BpeCuts? cuts = null)
    {
        (_idOf, _merges, _options, _cuts) = (vocabulary, merges, options, cuts);
        _tokenOf = new string?[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1];
        foreach (var (token, id) in vocabulary) _tokenOf[id] = token;
        var spelled = new List<(byte[], int)>(vocabulary.Count);
        foreach (var (token, id) in vocabulary)
            if (Spelled(token) is { } bytes) spelled.Add((bytes, id));
        _byBytes = new ByteVocabulary(spelled);
        (_prefix, _suffix) = (System.Text.Encoding.UTF8.GetBytes(options.Prefix), System.Text.Encoding.UTF8.GetBytes(options.Suffix));
        _unknown = options.UnknownToken is { } token0 ? vocabulary.GetValueOrDefault(token0, -1) : -1;
        for (int b = 0; b < 256; b++)
        {
            _fallback[b] = options.ByteFallback ? vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1) : -1;
            _byByte[b] = _byBytes.Find([(byte)b]);
        }
    }

    /// <inheritdoc/>
    public int Size => _tokenOf.Length;
    /// <inheritdoc/>
    public int? IdOf(string token) => _idOf.TryGetValue(token, out int id) ? id : null;
    /// <inheritdoc/>
    public string? TokenOf(int id) => (uint)id < (uint)_tokenOf.Length ? _tokenOf[id] : null;
    /// <inheritdoc/>
    public int NextCut(ReadOnlySpan<char> word, int from) => _cuts?.Next(word, from) ?? word.Length;

    /// <inheritdoc/>
    public void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (word.IsEmpty) return;
        if (_options.IgnoreMerges && _byBytes.Find(word) is >= 0 and int whole)
        {
            tokens.Add(whole, word.Length);
            return;
        }
        var symbols = _symbols ??= new TokenBuffer();
        symbols.Clear();
        if (_prefix.Length + _suffix.Length > 0) AddAffixed(word, symbols);
        else AddSymbols(word, symbols);
        _merges.Apply(symbols, tokens);
    }

    // The word's characters before any merge. Characters outside the vocabulary become their fallback bytes, the unknown token, or nothing.
    private void AddSymbols(ReadOnlySpan<byte> word, TokenBuffer symbols)
    {
        int unknownLength = 0;
        for (int i = 0, length; i < word.Length; i += length)
        {
            length = 1;
            int id;
            if (_options.ByteLevel || word[i] < 0x80) id = _byByte[word[i]];
            else
            {
                Rune.DecodeFromUtf8(word[i..], out _, out length);
                id = _byBytes.Find(word.Slice(i, length));
            }
            Add(id, word.Slice(i, length), length, symbols, ref unknownLength);
        }
        if (unknownLength > 0) symbols.Add(_unknown, unknownLength);
    }

    // The same with a sign before all characters but the first and after the last one.
    private void AddAffixed(ReadOnlySpan<byte> word, TokenBuffer symbols)
    {
        int unknownLength = 0;
        Span<byte> written = stackalloc byte[_prefix.Length + 4 + _suffix.Length];
        for (int i = 0, length; i < word.Length; i += length)
        {
            length = 1;
            if (!_options.ByteLevel) Rune.DecodeFromUtf8(word[i..], out _, out length);
            int count = 0;
            if (i > 0) Write(_prefix, written, ref count);
            Write(word.Slice(i, length), written, ref count);
            if (i + length == word.Length) Write(_suffix, written, ref count);
            Add(_byBytes.Find(written[..count]), written[..count], length, symbols, ref unknownLength);
        }
        if (unknownLength > 0) symbols.Add(_unknown, unknownLength);

        static void Write(ReadOnlySpan<byte> bytes, Span<byte> into, ref int count)
        {
            bytes.CopyTo(into[count..]);
            count += bytes.Length;
        }
    }

    private void Add(int id, ReadOnlySpan<byte> character, int length, TokenBuffer symbols, ref int unknownLength)
    {
        if (id >= 0)
        {
            if (unknownLength > 0) symbols.Add(_unknown, unknownLength);
            unknownLength = 0;
            symbols.Add(id, length);
        }
        else if (TryFallback(character, symbols)) { }
        else if (_options.UnknownToken is not null)
        {
            if (_unknown < 0) throw new BadInputException("the unknown token is not in the vocabulary", _options.UnknownToken);
            if (unknownLength > 0 && !_options.FuseUnknown)
            {
                symbols.Add(_unknown, unknownLength);
                unknownLength = 0;
            }
            unknownLength += length;
        }
    }

    private bool TryFallback(ReadOnlySpan<byte> character, TokenBuffer symbols)
    {
        if (!_options.ByteFallback) return false;
        // At byte level a byte's fallback is that of its spelling, as the reference has it.
        var bytes = _options.ByteLevel ? System.Text.Encoding.UTF8.GetBytes([ByteAlphabet.CharOf(character[0])]) : character;
        foreach (byte b in bytes)
            if (_fallback[b] < 0) return false;
        foreach (byte b in bytes) symbols.Add(_fallback[b], 1);
        return true;
    }

    private byte[]? Spelled(string token) => _options.ByteLevel ? ByteAlphabet.Decode(token) : System.Text.Encoding.UTF8.GetBytes(token);
}

/// <summary>The fields of a BPE model besides its vocabulary and merges.</summary>
/// <param name="ByteLevel">Words are bytes and the vocabulary spells bytes; prefix and suffix must be spelled alike in both then.</param>
/// <param name="UnknownToken">What stands for characters outside the vocabulary; null: they vanish.</param>
/// <param name="FuseUnknown">Neighbouring unknown characters share one token.</param>
/// <param name="ByteFallback">Unknown characters become `&lt;0xNN&gt;` tokens where the vocabulary has all they need.</param>
/// <param name="IgnoreMerges">A word that is a token is that token, whatever the merges say.</param>
/// <param name="Prefix">Written before every character of a word but the first.</param>
/// <param name="Suffix">Written after the last character of a word.</param>
internal sealed record BpeOptions(bool ByteLevel, string? UnknownToken = null, bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false, string Prefix = "", string Suffix = "");

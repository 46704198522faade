using System.Text;
using LowRank.Tensors;

namespace LowRank.Text.Models;

/// <summary>Byte-pair encoding: a word's characters (byte level: its bytes) are joined pair by pair, the pair learnt first being joined first.</summary>
internal sealed class BpeModel : IModel
{
    private readonly Dictionary<string, int> _idOf;
    private readonly string?[] _tokenOf;
    private readonly ByteVocabulary _byBytes;
    private readonly BpeMerges _merges;
    private readonly WordCache _cache = new();
    private readonly BpeOptions _options;
    private readonly int _unknown;
    private readonly int[] _fallback = new int[256];

    /// <summary>Makes the model.</summary>
    /// <param name="vocabulary">Tokens as they are written in the file.</param>
    /// <param name="merges">Pairs of ids, the first one learnt first, and what each makes.</param>
    /// <param name="options">The other fields of the file.</param>
    public BpeModel(Dictionary<string, int> vocabulary, BpeMerges merges, BpeOptions options)
    {
        (_idOf, _merges, _options) = (vocabulary, merges, options);
        _tokenOf = new string?[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1];
        foreach (var (token, id) in vocabulary) _tokenOf[id] = token;
        _byBytes = new ByteVocabulary([.. vocabulary.Select(v => (Key: Spelled(v.Key), v.Value)).Where(v => v.Key is not null).Select(v => (v.Key!, v.Value))]);
        _unknown = options.UnknownToken is { } token0 ? vocabulary.GetValueOrDefault(token0, -1) : -1;
        for (int b = 0; b < 256; b++) _fallback[b] = options.ByteFallback ? vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1) : -1;
    }

    /// <inheritdoc/>
    public int Size => _tokenOf.Length;
    /// <inheritdoc/>
    public int? IdOf(string token) => _idOf.TryGetValue(token, out int id) ? id : null;
    /// <inheritdoc/>
    public string? TokenOf(int id) => (uint)id < (uint)_tokenOf.Length ? _tokenOf[id] : null;

    /// <inheritdoc/>
    public void Tokenize(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (word.IsEmpty || _cache.TryGet(word, tokens)) return;
        int before = tokens.Count;
        if (_options.IgnoreMerges && _byBytes.Find(word) is >= 0 and int whole) tokens.Add(whole, word.Length);
        else
        {
            var symbols = new TokenBuffer();
            AddSymbols(word, symbols);
            _merges.Apply(symbols, tokens);
        }
        _cache.Set(word, tokens.Ids[before..], tokens.Lengths[before..]);
    }

    // The word's characters before any merge. Characters outside the vocabulary become their fallback bytes, the unknown token, or nothing.
    private void AddSymbols(ReadOnlySpan<byte> word, TokenBuffer symbols)
    {
        int unknownLength = 0;
        for (int i = 0, length; i < word.Length; i += length)
        {
            length = 1;
            if (!_options.ByteLevel) Rune.DecodeFromUtf8(word[i..], out _, out length);
            var character = word.Slice(i, length);
            if (_byBytes.Find(character) is >= 0 and int id)
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
        if (unknownLength > 0) symbols.Add(_unknown, unknownLength);
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
/// <param name="ByteLevel">Words are bytes and the vocabulary spells bytes.</param>
/// <param name="UnknownToken">What stands for characters outside the vocabulary; null: they vanish.</param>
/// <param name="FuseUnknown">Neighbouring unknown characters share one token.</param>
/// <param name="ByteFallback">Unknown characters become `&lt;0xNN&gt;` tokens where the vocabulary has all they need.</param>
/// <param name="IgnoreMerges">A word that is a token is that token, whatever the merges say.</param>
internal sealed record BpeOptions(bool ByteLevel, string? UnknownToken = null, bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false);

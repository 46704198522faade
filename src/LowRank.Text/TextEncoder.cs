using LowRank.Text.AddedTokens;
using LowRank.Text.Models;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>One thread's way from characters to tokens: added tokens, normalizer, pre-tokenizer, model. Keeps its room and its words from text to text.</summary>
internal sealed class TextEncoder(AddedTokenFinder added, IPreTokenizer? preTokenizer, IModel model, Func<int, string?> tokenOf)
{
    private readonly WordCache _cache = new();
    private readonly WordList _words = new();
    private readonly TextParts _parts = new();
    private readonly TokenBuffer _tokens = new(), _ids = new();
    private byte[] _bytes = new byte[256];
    private int[] _unitOf = new int[256];

    /// <summary>Whether a text was so long that its room is better given back.</summary>
    public bool IsLarge => _words.Room > 1 << 21 || _bytes.Length > 1 << 24 || _unitOf.Length > 1 << 24;

    /// <summary>The ids of a text; valid until the next one.</summary>
    public ReadOnlySpan<int> Ids(string text)
    {
        _ids.Clear();
        added.Cut(text, _parts);
        foreach (var (slice, token) in _parts.Final)
        {
            if (token is not null) _ids.Add(token.Id, 0);
            else foreach (var word in Words(slice)) AddIds(word.Span);
        }
        return _ids.Ids;
    }

    /// <summary>The tokens of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="full">Whether tokens and offsets are wanted besides ids.</param>
    /// <param name="typeId">The type id, 1 for the second of a pair.</param>
    public EncodingPart Encode(string text, bool full, int typeId)
    {
        var part = new EncodingPart(full, typeId);
        if (!full)
        {
            part.Ids.AddRange(Ids(text));
            return part;
        }
        added.Cut(text, _parts);
        foreach (var (slice, token) in _parts.Final)
        {
            if (token is not null) Add(part, token.Id, slice.Span.ToString(), slice.Original); // with the blanks it took
            else foreach (var word in Words(slice)) AddWord(part, word);
        }
        ToCodePoints(text, part.Offsets!);
        return part;
    }

    private ReadOnlySpan<Slice> Words(Slice slice)
    {
        _words.Clear();
        if (preTokenizer is null) _words.Add(slice);
        else preTokenizer.Split(slice, _words);
        return _words.Words;
    }

    private void AddIds(ReadOnlySpan<char> word)
    {
        for (int from = 0, end; from < word.Length; from = end)
        {
            end = model.NextCut(word, from);
            var part = word[from..end];
            uint hash = WordCache.Hash(part);
            var ids = _cache.Ids(part, hash, out bool known);
            if (!known)
            {
                Tokenize(part, hash);
                ids = _tokens.Ids;
            }
            _ids.AddIds(ids);
        }
    }

    // The tokens of a part that is not in the cache; gives the number of its bytes.
    private int Tokenize(ReadOnlySpan<char> part, uint hash)
    {
        int count = ToBytes(part);
        _tokens.Clear();
        model.Tokenize(_bytes.AsSpan(0, count), _tokens);
        _cache.Set(part, hash, _tokens.Ids, _tokens.Lengths);
        return count;
    }

    private int ToBytes(ReadOnlySpan<char> part)
    {
        if (_bytes.Length < 3 * part.Length) _bytes = new byte[Math.Max(3 * part.Length, 2 * _bytes.Length)];
        return System.Text.Encoding.UTF8.GetBytes(part, _bytes);
    }

    private void AddWord(EncodingPart encoding, Slice word)
    {
        for (int from = 0, end; from < word.Length; from = end)
        {
            end = model.NextCut(word.Span, from);
            AddPart(encoding, word.Part(from, end));
        }
    }

    private void AddPart(EncodingPart encoding, Slice part)
    {
        uint hash = WordCache.Hash(part.Span);
        _tokens.Clear();
        if (!_cache.TryGet(part.Span, hash, _tokens)) Tokenize(part.Span, hash);
        int count = MapBytes(part.Span);
        for (int i = 0, at = 0; i < _tokens.Count; at += _tokens.Lengths[i], i++)
        {
            // The tokens of one character share its place; affixes can make tokens longer than their text.
            int id = _tokens.Ids[i], length = _tokens.Lengths[i];
            if (length == 0 && i > 0)
            {
                Add(encoding, id, tokenOf(id) ?? "", encoding.Offsets![^1]); // one more token of the same text
                continue;
            }
            int first = _unitOf[Math.Min(at, count - 1)], last = _unitOf[Math.Clamp(at + length - 1, 0, count - 1)];
            Unicode.At(part.Span, last, out int units);
            string token = id == model.SelfNamedId ? part.Span[first..(last + units)].ToString() : tokenOf(id) ?? "";
            Add(encoding, id, token, (part.Source.StartOf(part.Start + first), part.Source.EndOf(part.Start + last)));
        }
    }

    private static void Add(EncodingPart part, int id, string token, (int, int) place)
    {
        part.Ids.Add(id);
        part.Tokens!.Add(token);
        part.Offsets!.Add(place);
    }

    // Which UTF-16 unit each byte of the part comes from; gives the number of bytes.
    private int MapBytes(ReadOnlySpan<char> part)
    {
        if (_unitOf.Length < 3 * part.Length) _unitOf = new int[Math.Max(3 * part.Length, 2 * _unitOf.Length)];
        int at = 0;
        for (int i = 0, units; i < part.Length; i += units)
        {
            int c = Unicode.At(part, i, out units);
            int bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            _unitOf.AsSpan(at, bytes).Fill(i);
            at += bytes;
        }
        return at;
    }

    private static void ToCodePoints(string text, List<(int Start, int End)> offsets)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return;
        var pointOf = new int[text.Length + 1];
        for (int i = 0, point = 0, units; i < text.Length; i += units, point++)
        {
            Unicode.At(text, i, out units);
            for (int j = 0; j < units; j++) pointOf[i + j] = point;
            pointOf[i + units] = point + 1;
        }
        for (int i = 0; i < offsets.Count; i++) offsets[i] = (pointOf[offsets[i].Start], pointOf[offsets[i].End]);
    }
}

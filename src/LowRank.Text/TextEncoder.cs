using LowRank.Text.AddedTokens;
using LowRank.Text.Models;
using LowRank.Text.PreTokenizers;

namespace LowRank.Text;

/// <summary>One text's way from characters to tokens: added tokens, normalizer, pre-tokenizer, model.</summary>
internal sealed class TextEncoder(AddedTokenFinder added, IPreTokenizer? preTokenizer, IModel model, Func<int, string?> tokenOf)
{
    private readonly TokenBuffer _buffer = new();
    private byte[] _bytes = new byte[256];
    private int[] _unitOf = new int[256];

    /// <summary>Encodes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="full">Whether tokens and offsets are wanted besides ids.</param>
    /// <param name="typeId">The type id, 1 for the second of a pair.</param>
    public EncodingPart Encode(string text, bool full, int typeId)
    {
        var part = new EncodingPart(full, typeId);
        List<Slice> words = [];
        foreach (var (slice, token) in added.Cut(text))
        {
            if (token is not null) Add(part, token.Id, full ? slice.Span.ToString() : "", slice.Original); // with the blanks it took
            else
            {
                words.Clear();
                if (preTokenizer is null) words.Add(slice);
                else preTokenizer.Split(slice, words);
                foreach (var word in words) AddWord(part, word);
            }
        }
        if (full) ToCodePoints(text, part.Offsets!);
        return part;
    }

    private void AddWord(EncodingPart part, Slice word)
    {
        if (_bytes.Length < 3 * word.Length) Array.Resize(ref _bytes, 3 * word.Length);
        int count = System.Text.Encoding.UTF8.GetBytes(word.Span, _bytes);
        _buffer.Clear();
        model.Tokenize(_bytes.AsSpan(0, count), _buffer);
        if (part.Offsets is null)
        {
            part.Ids.AddRange(_buffer.Ids);
            return;
        }
        MapBytes(word.Span, count);
        for (int i = 0, at = 0; i < _buffer.Count; at += _buffer.Lengths[i], i++)
        {
            // The tokens of one character share its place.
            int id = _buffer.Ids[i], length = _buffer.Lengths[i];
            if (length == 0)
            {
                Add(part, id, tokenOf(id) ?? "", part.Offsets[^1]);
                continue;
            }
            int first = word.Start + _unitOf[at], last = word.Start + _unitOf[at + length - 1];
            string token = id == model.SelfNamedId ? System.Text.Encoding.UTF8.GetString(_bytes, at, length) : tokenOf(id) ?? "";
            Add(part, id, token, (word.Source.StartOf(first), word.Source.EndOf(last)));
        }
    }

    private static void Add(EncodingPart part, int id, string token, (int, int) place)
    {
        part.Ids.Add(id);
        part.Tokens?.Add(token);
        part.Offsets?.Add(place);
    }

    // Which UTF-16 unit each byte of the word comes from.
    private void MapBytes(ReadOnlySpan<char> word, int count)
    {
        if (_unitOf.Length < count) Array.Resize(ref _unitOf, count);
        for (int i = 0, at = 0, units; i < word.Length; i += units)
        {
            int c = Unicode.At(word, i, out units);
            int bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            _unitOf.AsSpan(at, bytes).Fill(i);
            at += bytes;
        }
    }

    private static void ToCodePoints(string text, List<(int Start, int End)> offsets)
    {
        if (!text.Any(char.IsSurrogate)) return;
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

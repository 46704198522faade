using System.Text;
using LowRank.Text.Decoders;

namespace LowRank.Text;

/// <summary>
/// Decodes tokens as they come, showing only whole characters: after each token the decoding of all tokens so far, less unfinished characters at its end.
/// The pieces joined equal the decoding of the whole. Not safe for several threads.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly List<byte> _pending = []; // byte level: bytes not yet shown
    private readonly List<int> _ids = [];      // other decoders: everything so far
    private int _shownLength;
    private string _shown = "";

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens) => (_tokenizer, _skipSpecialTokens) = (tokenizer, skipSpecialTokens);

    /// <summary>Takes the next token and gives the text that it finishes, "" while a character is incomplete.</summary>
    public string Push(int id)
    {
        if (_tokenizer.Decoder is not ByteLevelDecoder) return PushWhole(id);
        if (_tokenizer.TokenForDecoding(id, _skipSpecialTokens) is { } token) _pending.AddRange(ByteLevelDecoder.BytesOf(token));
        int finished = FinishedBytes();
        string text = System.Text.Encoding.UTF8.GetString([.. _pending[..finished]]);
        _pending.RemoveRange(0, finished);
        return text;
    }

    /// <summary>Ends the stream and gives what is left; an unfinished character shows as U+FFFD.</summary>
    public string End()
    {
        string rest;
        if (_tokenizer.Decoder is ByteLevelDecoder) rest = System.Text.Encoding.UTF8.GetString([.. _pending]);
        else rest = _tokenizer.Decode(_ids, _skipSpecialTokens)[_shownLength..];
        _pending.Clear();
        _ids.Clear();
        (_shownLength, _shown) = (0, "");
        return rest;
    }

    // Up to the end of the last character that is not U+FFFD, be that a broken one or a real one.
    private int FinishedBytes()
    {
        var bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_pending);
        int finished = 0;
        for (int at = 0; at < bytes.Length;)
        {
            Rune.DecodeFromUtf8(bytes[at..], out var rune, out int length);
            at += length;
            if (rune != Rune.ReplacementChar) finished = at;
        }
        return finished;
    }

    private string PushWhole(int id)
    {
        _ids.Add(id);
        string text = _tokenizer.Decode(_ids, _skipSpecialTokens).TrimEnd('\uFFFD');
        if (!text.StartsWith(_shown, StringComparison.Ordinal)) return "";
        string piece = text[_shown.Length..];
        (_shown, _shownLength) = (text, text.Length);
        return piece;
    }
}

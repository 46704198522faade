using LowRank.Text.Decoders;

namespace LowRank.Text;

/// <summary>
/// Decodes tokens as they come, showing only whole characters: after each token the decoding of all tokens so far, less unfinished characters at its end,
/// shows what it adds to what was shown (nothing where it no longer begins with that); the end shows what is left. Not safe for several threads.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly List<string> _strings = [];
    private DecoderStream _stream;
    private ShownText _shown = new();

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        (_tokenizer, _skipSpecialTokens) = (tokenizer, skipSpecialTokens);
        _stream = Begin();
    }

    /// <summary>Takes the next token and gives the text that it finishes, "" while a character is incomplete.</summary>
    public string Push(int id)
    {
        if (_tokenizer.TokenForDecoding(id, _skipSpecialTokens) is not { } token) return "";
        _strings.Clear();
        _stream.Push(token, _strings);
        string settled = string.Concat(_strings);
        return _shown.Show(settled, Rest());
    }

    /// <summary>Ends the stream and gives what is left; an unfinished character shows as U+FFFD.</summary>
    public string End()
    {
        string rest = _shown.End(Rest());
        (_stream, _shown) = (Begin(), new ShownText());
        return rest;
    }

    private string Rest()
    {
        _strings.Clear();
        _stream.Finish([], _strings);
        return string.Concat(_strings);
    }

    private DecoderStream Begin()
    {
        var decoder = _tokenizer.Decoder ?? new BlanksDecoder();
        return decoder.Stream(joined: false) ?? new WholeStream(decoder);
    }

    // For the few chains that can only be done on the whole: every token costs as much as all before it.
    private sealed class WholeStream(IDecoder decoder) : DecoderStream
    {
        private readonly List<string> _tokens = [];

        public override void Push(string token, List<string> settled) => _tokens.Add(token);

        public override void Finish(IReadOnlyList<string> last, List<string> strings) => strings.AddRange(decoder.Decode([.. _tokens, .. last]));
    }
}

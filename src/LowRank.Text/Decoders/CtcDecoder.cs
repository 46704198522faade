namespace LowRank.Text.Decoders;

/// <summary>Decodes what a speech model hears: a token that comes twice in a row counts once, padding vanishes, delimiters become blanks.</summary>
internal sealed class CtcDecoder(string padding, string delimiter, bool cleanup) : IDecoder
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        var strings = new List<string>();
        Add(tokens, null, strings);
        return strings;
    }

    /// <inheritdoc/>
    public DecoderStream? Stream(bool joined) => joined ? null : new Tokens(this);

    private void Add(IEnumerable<string> tokens, string? before, List<string> strings)
    {
        foreach (string token in tokens)
        {
            if (token != before && Change(token) is { Length: > 0 } text) strings.Add(text);
            before = token;
        }
    }

    private string Change(string token)
    {
        if (padding.Length > 0) token = token.Replace(padding, "", StringComparison.Ordinal);
        if (!cleanup) return token;
        token = WordPieceDecoder.Clean(token);
        return delimiter.Length > 0 ? token.Replace(delimiter, " ", StringComparison.Ordinal) : token;
    }

    private sealed class Tokens(CtcDecoder decoder) : DecoderStream
    {
        private string? _before;

        public override void Push(string token, List<string> settled)
        {
            decoder.Add([token], _before, settled);
            _before = token;
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings) => decoder.Add(last, _before, strings);
    }
}

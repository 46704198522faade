namespace LowRank.Text.Decoders;

/// <summary>Makes blanks of the suffix that ends words; in the last token it vanishes.</summary>
internal sealed class BpeDecoder(string suffix) : IDecoder
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => [.. tokens.Select((t, i) => Change(t, i == tokens.Count - 1))];

    /// <inheritdoc/>
    public DecoderStream? Stream(bool joined) => joined ? null : new Tokens(this);

    // An empty suffix stands between all characters and at both ends.
    private string Change(string token, bool last)
    {
        string blank = last ? "" : " ";
        if (suffix.Length > 0) return token.Replace(suffix, blank, StringComparison.Ordinal);
        return blank + string.Concat(token.EnumerateRunes().Select(r => r + blank));
    }

    private sealed class Tokens(BpeDecoder decoder) : DecoderStream
    {
        private string? _held;

        public override void Push(string token, List<string> settled)
        {
            if (_held is not null) settled.Add(decoder.Change(_held, last: false));
            _held = token;
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            IReadOnlyList<string> tokens = _held is null ? last : [_held, .. last];
            strings.AddRange(decoder.Decode(tokens));
        }
    }
}

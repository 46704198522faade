namespace LowRank.Text.Decoders;

/// <summary>Makes one string of all tokens.</summary>
internal sealed class FuseDecoder : IDecoder
{
    /// <inheritdoc/>
    public bool Joins => true;

    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => [string.Concat(tokens)];

    /// <inheritdoc/>
    public DecoderStream Stream(bool joined) => new Parts();

    private sealed class Parts : DecoderStream
    {
        public override void Push(string token, List<string> settled) => settled.Add(token);
        public override void Finish(IReadOnlyList<string> last, List<string> strings) => strings.AddRange(last);
    }
}

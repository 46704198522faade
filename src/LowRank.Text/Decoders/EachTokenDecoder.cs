namespace LowRank.Text.Decoders;

/// <summary>A step that changes every token by itself, knowing of the others only whether it is the first.</summary>
internal abstract class EachTokenDecoder : IDecoder
{
    /// <summary>Whether a part of a token may be changed like a token, as the first if it is part of the first.</summary>
    protected virtual bool WorksOnParts => false;

    /// <summary>What becomes of a token.</summary>
    protected abstract string Change(string token, bool first);

    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => [.. tokens.Select((t, i) => Change(t, i == 0))];

    /// <inheritdoc/>
    public virtual DecoderStream? Stream(bool joined) => joined && !WorksOnParts ? null : new Tokens(this, joined);

    private sealed class Tokens(EachTokenDecoder decoder, bool alwaysFirst) : DecoderStream
    {
        private bool _first = true;

        public override void Push(string token, List<string> settled)
        {
            settled.Add(decoder.Change(token, _first));
            _first = alwaysFirst;
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            for (int i = 0; i < last.Count; i++) strings.Add(decoder.Change(last[i], alwaysFirst || (_first && i == 0)));
        }
    }
}

/// <summary>Puts blanks between tokens: what is done where a file names no decoder.</summary>
internal sealed class BlanksDecoder : EachTokenDecoder
{
    /// <inheritdoc/>
    protected override string Change(string token, bool first) => first ? token : " " + token;
}

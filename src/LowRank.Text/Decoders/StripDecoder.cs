using System.Text;

namespace LowRank.Text.Decoders;

/// <summary>Takes a character from the ends of every token, at most so often.</summary>
internal sealed class StripDecoder(string content, int start, int stop) : EachTokenDecoder
{
    /// <inheritdoc/>
    protected override string Change(string token, bool first)
    {
        int left = 0, right = token.Length;
        for (int i = 0; i < start && token.AsSpan(left).StartsWith(content, StringComparison.Ordinal); i++) left += content.Length;
        for (int i = 0; i < stop && token.AsSpan(0, right).EndsWith(content, StringComparison.Ordinal); i++) right -= content.Length;
        return left < right ? token[left..right] : "";
    }

    /// <inheritdoc/>
    public override DecoderStream? Stream(bool joined) => joined ? new Parts(content, start, stop) : base.Stream(joined);

    // One token that grows: what may be its end is held back.
    private sealed class Parts(string content, int start, int stop) : DecoderStream
    {
        private int _left = start;
        private string _held = "";

        public override void Push(string token, List<string> settled)
        {
            _held += token;
            int from = 0;
            for (; _left > 0 && _held.AsSpan(from).StartsWith(content, StringComparison.Ordinal); _left--) from += content.Length;
            // Half of a surrogate pair cannot come alone, so another beginning is another character.
            if (from < _held.Length) _left = 0;
            int to = _held.Length;
            for (int i = 0; i < stop && to > from && _held.AsSpan(from, to - from).EndsWith(content, StringComparison.Ordinal); i++) to -= content.Length;
            if (to > from) settled.Add(_held[from..to]);
            _held = _held[to..];
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            var rest = new StripDecoder(content, _left, stop);
            strings.Add(rest.Change(_held + string.Concat(last), first: true));
        }
    }
}

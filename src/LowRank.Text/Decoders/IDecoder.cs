namespace LowRank.Text.Decoders;

/// <summary>Turns tokens back into text: a chain of such steps, whose last strings are joined.</summary>
internal interface IDecoder
{
    /// <summary>The strings after this step.</summary>
    IReadOnlyList<string> Decode(IReadOnlyList<string> tokens);

    /// <summary>
    /// The same for tokens that come one by one, doing no work twice; null where this step can only be done on the whole.
    /// </summary>
    /// <param name="joined">Whether the step before makes one string of all tokens, so that what comes are the parts of a single one.</param>
    DecoderStream? Stream(bool joined);

    /// <summary>Whether it makes one string of all tokens.</summary>
    bool Joins => false;
}

/// <summary>A decoder's state between tokens.</summary>
internal abstract class DecoderStream
{
    /// <summary>Takes a token and adds the strings that no later token can change any more.</summary>
    public abstract void Push(string token, List<string> settled);

    /// <summary>Adds the strings that would follow the settled ones if the stream ended after these last tokens; changes nothing.</summary>
    public abstract void Finish(IReadOnlyList<string> last, List<string> strings);
}

/// <summary>Several decoders, one after the other.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<IDecoder> steps) : IDecoder
{
    /// <inheritdoc/>
    public bool Joins => steps.Any(s => s.Joins);

    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => steps.Aggregate(tokens, (current, step) => step.Decode(current));

    /// <inheritdoc/>
    public DecoderStream? Stream(bool joined)
    {
        var streams = new List<DecoderStream>();
        foreach (var step in steps)
        {
            if (step.Stream(joined) is not { } stream) return null;
            streams.Add(stream);
            joined |= step.Joins;
        }
        return new SequenceStream(streams);
    }

    private sealed class SequenceStream(List<DecoderStream> steps) : DecoderStream
    {
        private readonly List<string>[] _between = [.. steps.Select(_ => new List<string>())];

        public override void Push(string token, List<string> settled) => Push(token, 0, settled);

        private void Push(string token, int step, List<string> settled)
        {
            if (step == steps.Count)
            {
                settled.Add(token);
                return;
            }
            var made = _between[step];
            made.Clear();
            steps[step].Push(token, made);
            for (int i = 0; i < made.Count; i++) Push(made[i], step + 1, settled);
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            foreach (var step in steps)
            {
                var made = new List<string>();
                step.Finish(last, made);
                last = made;
            }
            strings.AddRange(last);
        }
    }
}

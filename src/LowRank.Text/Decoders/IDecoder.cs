namespace LowRank.Text.Decoders;

/// <summary>Turns tokens back into text: a chain of such steps, whose last strings are joined.</summary>
internal interface IDecoder
{
    /// <summary>The strings after this step.</summary>
    IReadOnlyList<string> Decode(IReadOnlyList<string> tokens);
}

/// <summary>Several decoders, one after the other.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<IDecoder> steps) : IDecoder
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens) => steps.Aggregate(tokens, (current, step) => step.Decode(current));
}

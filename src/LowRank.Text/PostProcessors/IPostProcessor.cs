namespace LowRank.Text.PostProcessors;

/// <summary>Finishes the encoding of a text or of a pair: special tokens, type ids, offsets.</summary>
internal interface IPostProcessor
{
    /// <summary>The finished parts, in the order in which they are joined.</summary>
    /// <param name="parts">One for each sequence, or what an earlier step made of them.</param>
    /// <param name="addSpecialTokens">Whether to add special tokens.</param>
    IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens);
}

/// <summary>Several post-processors, one after the other.</summary>
internal sealed class SequencePostProcessor(IReadOnlyList<IPostProcessor> steps) : IPostProcessor
{
    /// <inheritdoc/>
    public IReadOnlyList<EncodingPart> Process(IReadOnlyList<EncodingPart> parts, bool addSpecialTokens)
        => steps.Aggregate(parts, (current, step) => step.Process(current, addSpecialTokens));
}

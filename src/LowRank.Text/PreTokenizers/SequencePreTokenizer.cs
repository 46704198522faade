namespace LowRank.Text.PreTokenizers;

/// <summary>Several pre-tokenizers, each cutting the words of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(Slice part, List<Slice> words)
    {
        List<Slice> current = [part], next = [];
        foreach (var step in steps)
        {
            next.Clear();
            foreach (var slice in current) step.Split(slice, next);
            (current, next) = (next, current);
        }
        words.AddRange(current);
    }
}

namespace LowRank.Text.PreTokenizers;

/// <summary>Several pre-tokenizers, each cutting the words of the one before.</summary>
internal sealed class SequencePreTokenizer : IPreTokenizer
{
    private readonly IPreTokenizer[] _steps;

    /// <summary>Takes the steps in order; those that change nothing are left out.</summary>
    public SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) => _steps = [.. steps.Where(s => s is not ByteLevelPreTokenizer { ChangesNothing: true })];

    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        if (_steps.Length == 0) words.Add(part, 0, part.Length);
        else Split(part, words, words, 0);
    }

    // Each step but the last fills the next spare list of the chain, which no other step touches: sequences may stand in sequences.
    private void Split(Slice part, WordList words, WordList chain, int step)
    {
        if (step == _steps.Length - 1)
        {
            _steps[step].Split(part, words);
            return;
        }
        var between = chain.Spare;
        between.Clear();
        _steps[step].Split(part, between);
        for (int i = 0; i < between.Count; i++) Split(between.Words[i], words, between, step + 1);
    }
}

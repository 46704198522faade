namespace LowRank.Text.PreTokenizers;

/// <summary>Several pre-tokenizers, each cutting the words of the one before.</summary>
internal sealed class SequencePreTokenizer : IPreTokenizer
{
    private readonly IPreTokenizer[] _steps;

    /// <summary>Takes the steps in order. Those that change nothing are left out, and sequences among them give theirs: the lists in between are one a step.</summary>
    public SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps)
        => _steps = [.. steps.SelectMany(s => s is SequencePreTokenizer inner ? inner._steps : [s]).Where(s => s is not ByteLevelPreTokenizer { ChangesNothing: true })];

    /// <inheritdoc/>
    public void Split(Slice part, WordList words)
    {
        if (_steps.Length == 0) words.Add(part, 0, part.Length);
        else Split(part, words, words, 0);
    }

    // Each step but the last fills the next spare list of the chain, which no other step touches.
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

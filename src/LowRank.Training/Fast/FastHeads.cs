using LowRank.Models;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// Heads in the order in which attention reads them: for each run of equally long sequences, sequence by sequence, its heads, and then the tokens of one head together.
/// One flat buffer holds all runs, so that padded rows and documents end to end are the same to the caller.
/// </summary>
internal sealed class FastHeads(AttentionSpec spec)
{
    /// <summary>Tokens' heads [.., heads·d] or [.., heads, d] -> [N, heads·d] numbers in attention's order.</summary>
    public Tensor Gather(Tensor x, IReadOnlyList<SequenceRun> runs)
    {
        using var scope = NewDisposeScope();
        var tokens = x.view(runs[^1].Start + runs[^1].Tokens, -1);
        if (runs is [var all]) return Split(tokens, all).reshape(tokens.shape).MoveToOuterDisposeScope();
        var gathered = empty_like(tokens);
        foreach (var run in runs) Part(gathered, run).copy_(Split(tokens, run));
        return gathered.MoveToOuterDisposeScope();
    }

    /// <summary>The way back: [N, heads·d], token by token.</summary>
    public Tensor Scatter(Tensor gathered, IReadOnlyList<SequenceRun> runs)
    {
        using var scope = NewDisposeScope();
        if (runs is [var all]) return Part(gathered, all).permute(0, 3, 1, 2, 4).reshape(gathered.shape).MoveToOuterDisposeScope();
        var tokens = empty_like(gathered);
        foreach (var run in runs) Split(tokens, run).copy_(Part(gathered, run));
        return tokens.MoveToOuterDisposeScope();
    }

    /// <summary>A run's queries out of the buffer: a view [Count·KeyHeads, groups, Length, d].</summary>
    public Tensor Queries(Tensor gathered, SequenceRun run)
        => gathered.narrow(0, run.Start, run.Tokens).view(run.Count * spec.KeyHeads, -1, run.Length, spec.HeadSize);

    /// <summary>A run's keys or values: a view [Count·KeyHeads, Length, d].</summary>
    public Tensor Keys(Tensor gathered, SequenceRun run)
        => gathered.narrow(0, run.Start, run.Tokens).view(run.Count * spec.KeyHeads, run.Length, spec.HeadSize);

    // [Count, KeyHeads, groups, Length, d], both.
    private Tensor Part(Tensor gathered, SequenceRun run)
        => gathered.narrow(0, run.Start, run.Tokens).view(run.Count, spec.KeyHeads, -1, run.Length, spec.HeadSize);

    private Tensor Split(Tensor tokens, SequenceRun run)
        => tokens.narrow(0, run.Start, run.Tokens).view(run.Count, run.Length, spec.KeyHeads, -1, spec.HeadSize).permute(0, 2, 3, 1, 4);
}

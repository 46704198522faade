using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Neighbouring sequences of one length: whole rows of a padded batch, or documents that lie end to end.</summary>
/// <param name="Start">The first token, counted over all of the pass.</param>
/// <param name="Count">How many.</param>
/// <param name="Length">Tokens of each.</param>
public readonly record struct SequenceRun(long Start, long Count, long Length)
{
    /// <summary>Tokens of all.</summary>
    public long Tokens => Count * Length;
}

/// <summary>
/// Documents laid end to end in one sequence [1, T]: positions restart at each, and none sees another. Only their lengths are kept; attention runs
/// document by document (neighbours of one length together), so its cost grows with their lengths and not with T.
/// </summary>
public sealed class DocumentLayout
{
    /// <summary>Documents of these lengths in this order.</summary>
    /// <param name="lengths">Tokens of each, at least one document, none empty.</param>
    public DocumentLayout(IReadOnlyList<int> lengths)
    {
        ArgumentOutOfRangeException.ThrowIfZero(lengths.Count);
        List<SequenceRun> runs = [];
        foreach (int length in lengths)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
            if (runs is [.., var last] && last.Length == length) runs[^1] = last with { Count = last.Count + 1 };
            else runs.Add(new(Tokens, 1, length));
            Tokens += length;
            Longest = Math.Max(Longest, length);
        }
        Runs = runs;
    }

    /// <summary>The documents, neighbours of one length as one entry.</summary>
    public IReadOnlyList<SequenceRun> Runs { get; }
    /// <summary>Tokens of all, T.</summary>
    public long Tokens { get; }
    /// <summary>Tokens of the longest.</summary>
    public long Longest { get; }

    /// <summary>[1, T] I64: 0, 1, ... within each document.</summary>
    internal Tensor Positions(Device device)
    {
        long[] positions = new long[Tokens];
        foreach (var run in Runs)
            for (long i = 0; i < run.Tokens; i++) positions[run.Start + i] = i % run.Length;
        return tensor(positions, 1, Tokens, device: device);
    }
}

using LowRank.Models;

namespace LowRank.Training;

/// <summary>
/// Whole sequences that go through the model together, their tokens end to end without padding, filled up to a multiple of 64 rows by a sequence of token 0
/// that has no targets. Activations are as large as a slice; the gradients of a batch's slices add up.
/// </summary>
internal sealed class FastSlice
{
    private FastSlice(List<Sequence> sequences, int[] ids, List<(int Row, int Target)> targets)
        => (Sequences, Ids, Targets) = (sequences, ids, targets);

    /// <summary>
    /// Tokens <paramref name="Start"/> .. of the slice; <paramref name="Padded"/> counts the rows before it when each sequence is filled up to a multiple of 64; <paramref name="Reach"/> is the length
    /// that rotary frequencies follow where they follow one: a document's own, and the batch's width for padded rows, as the reference has it.
    /// </summary>
    internal readonly record struct Sequence(int Start, int Length, int Padded, int Reach)
    {
        /// <summary>Blocks of 64 tokens, the last perhaps not full.</summary>
        public int Blocks => (Length + 63) / 64;
    }

    /// <summary>The sequences, the filling one last.</summary>
    public IReadOnlyList<Sequence> Sequences { get; }
    /// <summary>Token ids, N of them.</summary>
    public int[] Ids { get; }
    /// <summary>Rows that have a target, ascending, and the token that comes next.</summary>
    public IReadOnlyList<(int Row, int Target)> Targets { get; }
    /// <summary>Rows, N.</summary>
    public int Rows => Ids.Length;
    /// <summary>Rows of all sequences filled up.</summary>
    public int PaddedRows => Sequences[^1].Padded + Sequences[^1].Blocks * 64;

    /// <summary>Cuts a batch into slices of about <paramref name="tokens"/> tokens, never through a sequence.</summary>
    public static IEnumerable<FastSlice> Of(Batch batch, int tokens)
    {
        List<(int From, int Length)> pending = [];
        int count = 0;
        foreach (var sequence in SequencesOf(batch))
        {
            if (count > 0 && count + sequence.Length > tokens)
            {
                yield return Make(batch, pending);
                (pending, count) = ([], 0);
            }
            pending.Add(sequence);
            count += sequence.Length;
        }
        if (count > 0) yield return Make(batch, pending);
    }

    private static IEnumerable<(int From, int Length)> SequencesOf(Batch batch)
    {
        if (batch.Documents is { } lengths)
        {
            int from = 0;
            foreach (int length in lengths)
            {
                yield return (from, length);
                from += length;
            }
            yield break;
        }
        for (int b = 0; b < batch.B; b++)
        {
            int length = batch.T;
            while (length > 0 && batch.Mask[b * batch.T + length - 1] == 0) length--; // rows are padded on the right
            if (length > 0) yield return (b * batch.T, length);
        }
    }

    private static FastSlice Make(Batch batch, List<(int From, int Length)> parts)
    {
        int tokens = parts.Sum(p => p.Length), rows = (tokens + 63) / 64 * 64, at = 0, padded = 0;
        int[] ids = new int[rows];
        List<Sequence> sequences = [];
        List<(int, int)> targets = [];
        void Add(int length)
        {
            sequences.Add(new(at, length, padded, batch.Documents is null ? Math.Max(batch.T, length) : length));
            padded += sequences[^1].Blocks * 64;
            at += length;
        }
        foreach (var (from, length) in parts)
        {
            for (int t = 0; t < length; t++)
            {
                ids[at + t] = (int)batch.Ids[from + t];
                if (t + 1 < length && batch.Labels[from + t + 1] is var label and not Row.Ignored) targets.Add((at + t, (int)label));
            }
            Add(length);
        }
        if (rows > tokens) Add(rows - tokens);
        return new(sequences, ids, targets);
    }
}

namespace LowRank.Inference;

/// <summary>Decides which prompts are computed together: similar lengths, so that little is padding; at most a batch at a time.</summary>
internal static class Scheduler
{
    /// <summary>Batches of sequences, longest prompts first (memory shows at once).</summary>
    /// <param name="waiting">All sequences.</param>
    /// <param name="batchSize">Sequences of a batch at most.</param>
    /// <param name="kind">Only sequences of equal kinds may share a batch.</param>
    public static IEnumerable<List<Sequence>> Batches(IEnumerable<Sequence> waiting, int batchSize, Func<Sequence, object> kind)
        => waiting.OrderByDescending(s => s.Tokens.Count).ThenBy(s => s.Index).GroupBy(kind).SelectMany(g => g.Chunk(batchSize)).Select(c => c.ToList());
}

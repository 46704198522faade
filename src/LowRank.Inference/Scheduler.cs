namespace LowRank.Inference;

/// <summary>Decides which prompts are computed together: similar lengths, so that little is padding; at most a batch at a time.</summary>
internal static class Scheduler
{
    /// <summary>Batches of sequences, longest prompts first (memory shows at once).</summary>
    public static IEnumerable<List<Sequence>> Batches(IEnumerable<Sequence> waiting, int batchSize)
        => waiting.OrderByDescending(s => s.Tokens.Count).ThenBy(s => s.Index).Chunk(batchSize).Select(c => c.ToList());
}

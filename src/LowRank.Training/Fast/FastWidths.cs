using LowRank.Models;

namespace LowRank.Training;

/// <summary>Numbers a row takes in each of the step's buffers. Ranks are those of stacked projections, rounded up to 16, the largest of all blocks.</summary>
/// <param name="Size">Bytes of a number.</param>
/// <param name="Hidden">H.</param>
/// <param name="Inner">I.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="Mixed">heads·d.</param>
/// <param name="Qkv">(heads + 2 keyHeads)·d.</param>
/// <param name="RankQkv">Of query, key and value.</param>
/// <param name="RankOutput">Of attention's output.</param>
/// <param name="RankGateUp">Of gate and up.</param>
/// <param name="RankDown">Of down.</param>
internal sealed record FastWidths(int Size, int Hidden, int Inner, int Heads, int Mixed, int Qkv, int RankQkv, int RankOutput, int RankGateUp, int RankDown)
{
    /// <summary>The largest rank.</summary>
    public int Rank => new[] { RankQkv, RankOutput, RankGateUp, RankDown }.Max();

    /// <summary>The widths of a model's blocks; <paramref name="rankOf"/> gives a projection's rank, 0 without an adapter.</summary>
    public static FastWidths Of(DecoderSpec spec, IReadOnlyList<PlainBlock> blocks, Func<Projection, int> rankOf, int size)
    {
        int Largest(Func<PlainBlock, IEnumerable<Projection>> stack) => blocks.Max(b => (stack(b).Sum(p => (rankOf(p) + 1) / 2 * 2) + 15) / 16 * 16);
        var a = spec.Attention;
        return new(size, spec.HiddenSize, spec.FeedForward.Size, a.Heads, a.Heads * a.HeadSize, (a.Heads + 2 * a.KeyHeads) * a.HeadSize,
            Largest(b => b.Qkv), Largest(b => [b.Output]), Largest(b => b.GateUp), Largest(b => [b.Down]));
    }
}

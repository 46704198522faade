using LowRank.Models;

namespace LowRank.Training;

/// <summary>Numbers a row takes in each of the step's buffers. Ranks are those of stacked projections, rounded up to 16, the largest of all blocks.</summary>
/// <param name="Size">Bytes of a number.</param>
/// <param name="Hidden">H.</param>
/// <param name="Inner">I.</param>
/// <param name="GateUp">2·I, or I without a gate.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="Mixed">heads·d.</param>
/// <param name="Qkv">(heads + 2 keyHeads)·d.</param>
/// <param name="Turned">(heads + 2 keyHeads)·d where <see cref="FastBlock.KeepsRaw"/>, else 0.</param>
/// <param name="AttentionOut">H where <see cref="FastBlock.KeepsAttentionOut"/>, else 0.</param>
/// <param name="FeedForwardOut">H where <see cref="FastBlock.KeepsFeedForwardOut"/>, else 0.</param>
/// <param name="Products">As GateUp, for 64 rows together, where gates or ups have DoRA's gains, else 0.</param>
/// <param name="Loss">Bytes of the output layer's buffers (<see cref="FastLoss"/>), whatever the rows.</param>
/// <param name="RankQkv">Of query, key and value.</param>
/// <param name="RankOutput">Of attention's output.</param>
/// <param name="RankGateUp">Of gate and up.</param>
/// <param name="RankDown">Of down.</param>
internal sealed record FastWidths(int Size, int Hidden, int Inner, int GateUp, int Heads, int Mixed, int Qkv, int Turned, int AttentionOut, int FeedForwardOut, int Products, long Loss, int RankQkv, int RankOutput, int RankGateUp, int RankDown)
{
    /// <summary>The largest rank.</summary>
    public int Rank => new[] { RankQkv, RankOutput, RankGateUp, RankDown }.Max();

    /// <summary>The widths of a model's blocks; <paramref name="rankOf"/> gives a projection's rank, 0 without an adapter; <paramref name="loss"/>: what the output layer's buffers take; <paramref name="dora"/>: adapters have magnitudes.</summary>
    public static FastWidths Of(DecoderSpec spec, IReadOnlyList<PlainBlock> blocks, Func<Projection, int> rankOf, int size, long loss, bool dora = false)
    {
        int Largest(Func<PlainBlock, IEnumerable<Projection>> stack) => blocks.Max(b => (stack(b).Sum(p => (rankOf(p) + 1) / 2 * 2) + 15) / 16 * 16);
        var a = spec.Attention;
        int qkv = (a.Heads + 2 * a.KeyHeads) * a.HeadSize, rankQkv = Largest(b => b.Qkv), rankOutput = Largest(b => [b.Output]), rankGateUp = Largest(b => b.GateUp), rankDown = Largest(b => [b.Down]);
        int gateUp = (spec.FeedForward.Gated ? 2 : 1) * spec.FeedForward.Size;
        bool Scaled(int rank) => dora && rank > 0;
        return new(size, spec.HiddenSize, spec.FeedForward.Size, gateUp, a.Heads, a.Heads * a.HeadSize, qkv,
            a.QkNorm != QkNorm.None || Scaled(rankQkv) ? qkv : 0, spec.Names.AttentionOutputNorm is not null || Scaled(rankOutput) ? spec.HiddenSize : 0,
            spec.Names.FeedForwardOutputNorm is not null || Scaled(rankDown) ? spec.HiddenSize : 0, Scaled(rankGateUp) ? gateUp : 0, loss, rankQkv, rankOutput, rankGateUp, rankDown);
    }
}

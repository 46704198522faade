using LowRank.Models;
using LowRank.Tensors;

namespace LowRank.Training;

/// <summary>
/// How the step's memory is spent under a limit: smaller slices (the same sums in another order) against blocks that are run again in the backward pass instead of being kept,
/// whichever costs less time. Every byte that the step takes is counted here, so that a plan can say it beforehand.
/// </summary>
/// <param name="SliceTokens">Tokens of a slice, unless one sequence has more.</param>
/// <param name="Limit">Bytes that activations may take: everything of the step but packed adapters, the output layer's buffers and the threads' own scratch.</param>
/// <param name="AllAgain">Whether every block is run again, room or not (`gradient_checkpointing`).</param>
internal sealed record FastPlan(int SliceTokens, long Limit, bool AllAgain = false)
{
    private static readonly int[] Slices = [1024, 768, 512, 384, 256];
    // Measured on SmolLM2-135M's shape: slices of 512 tokens take 7 to 8 % more time than slices of 1,024, and running all blocks again three tenths more.
    private const double SliceCost = 88, AgainCost = 0.31;

    /// <summary>What activations may take where nothing is said: as much as the weights, and a gigabyte.</summary>
    public static long DefaultLimit(long weightBytes) => weightBytes + (1L << 30);

    /// <summary>The plan for sequences of up to <paramref name="longest"/> tokens, <paramref name="tokens"/> a batch: of all that fit the one that should take the least time; the smallest where none fits.</summary>
    public static FastPlan Make(FastWidths widths, DecoderSpec spec, int blocks, int longest, long limit, long tokens = int.MaxValue, bool allAgain = false)
    {
        FastPlan Of(int slice) => new(slice, limit, allAgain);
        double Time(int slice)
        {
            int rows = Rows(slice, longest, tokens), kept = Of(slice).Kept(widths, spec, rows, longest, blocks);
            if (Bytes(widths, spec, rows, longest, blocks, kept) > limit) return double.PositiveInfinity;
            double together = Math.Max(1, rows / longest) * longest; // whole sequences only
            return (1 + SliceCost / together) * (1 + AgainCost * (blocks - kept) / Math.Max(1, blocks));
        }
        int best = Slices.MinBy(Time);
        return Of(double.IsFinite(Time(best)) ? best : Slices[^1]);
    }

    /// <summary>The least that any plan takes: the smallest slices, every block run again.</summary>
    public static long Smallest(FastWidths widths, DecoderSpec spec, int blocks, int longest, long tokens) => Bytes(widths, spec, Rows(Slices[^1], longest, tokens), longest, blocks, 0);

    /// <summary>Rows of a slice's buffers, where a batch has <paramref name="tokens"/> tokens.</summary>
    public static int Rows(int slice, int longest, long tokens = int.MaxValue) => ((int)Math.Min(tokens, Math.Max(slice, longest)) + 63) / 64 * 64;

    /// <summary>Rows once each sequence is filled up, where all are of the longest kind.</summary>
    public static int PaddedRows(int rows, int longest) => rows + 64 * (rows / Math.Max(64, longest) + 1);

    /// <summary>Blocks, of <paramref name="blocks"/> that are differentiated, whose activations fit under the limit with all the rest.</summary>
    public int Kept(FastWidths widths, DecoderSpec spec, int rows, int longest, int blocks)
    {
        int kept = AllAgain ? 0 : blocks;
        while (kept > 0 && Bytes(widths, spec, rows, longest, blocks, kept) > Limit) kept--;
        return kept;
    }

    /// <summary>Bytes of the activations' buffers, as the step takes them: attention's and everything else's.</summary>
    public static long Bytes(FastWidths widths, DecoderSpec spec, int rows, int longest, int blocks, int kept)
    {
        long passing = kept < spec.Layers.Count ? 1 : 0;
        return (kept + passing) * SavedBytes(widths, rows) + SharedBytes(widths, rows) + States(spec, blocks) * InputBytes(widths, rows)
            + FastAttention.Bytes(spec.Attention, widths.Size, rows, PaddedRows(rows, longest), longest);
    }

    /// <summary>What one kept block takes.</summary>
    public static unsafe long SavedBytes(FastWidths widths, int rows) => new Saved(widths, rows, null).Bytes;
    /// <summary>What all blocks share.</summary>
    public static unsafe long SharedBytes(FastWidths widths, int rows) => new Shared(widths, rows, null).Bytes;
    /// <summary>Inputs and outputs of blocks that lie in memory at once: those of each block that is differentiated, one more where others lie below, and the gradient.</summary>
    public static int States(DecoderSpec spec, int blocks) => blocks + (blocks < spec.Layers.Count ? 3 : 2);
    /// <summary>One block's input.</summary>
    public static long InputBytes(FastWidths widths, int rows) => (long)rows * widths.Hidden * widths.Size;
}

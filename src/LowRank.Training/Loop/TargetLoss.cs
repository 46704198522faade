using LowRank.Models;
using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>What a pass over targets found: the sum of their negative log-probabilities, how many the most likely token hits, how many there are.</summary>
public readonly record struct TargetSums(double Loss, long Hits, long Targets)
{
    /// <summary>Mean loss of a target.</summary>
    public double MeanLoss => Loss / Math.Max(1, Targets);
    /// <summary>e to the mean loss; null beyond a loss of 709, where that is more than a number can say (and JSON has no infinity).</summary>
    public double? Perplexity => Math.Exp(MeanLoss) is var perplexity && double.IsFinite(perplexity) ? perplexity : null;
    /// <summary>The share of targets that the most likely token hits.</summary>
    public double Accuracy => (double)Hits / Math.Max(1, Targets);

    /// <summary>Adds two.</summary>
    public static TargetSums operator +(TargetSums a, TargetSums b) => new(a.Loss + b.Loss, a.Hits + b.Hits, a.Targets + b.Targets);
}

/// <summary>
/// The output loss in chunks of target rows: positions without a target are dropped before the output layer, each chunk's logits are made, used and freed
/// (backward included) before the next, so no [B, T, V] tensor ever exists. Log-softmax is in float32.
/// </summary>
internal static class TargetLoss
{
    private const long LogitsPerChunk = 256 * 49152; // 50 MB of float32; 256 rows at this vocabulary measured fastest

    private const int RowMultiple = 64;

    /// <summary>Rows whose logits are made at once.</summary>
    public static int ChunkRows(DecoderSpec spec) => (int)Math.Clamp(LogitsPerChunk / spec.VocabularySize, 16, 1 << 16);

    /// <summary>Where the targets of a batch are: flat positions whose next token counts, and that token.</summary>
    /// <param name="labels">[B * T], -100 is no target; the shift by one happens here.</param>
    /// <param name="rows">B.</param>
    /// <param name="width">T.</param>
    public static (long[] Positions, long[] Targets) Shift(long[] labels, int rows, int width)
    {
        List<long> positions = [], targets = [];
        for (int b = 0; b < rows; b++)
            for (int t = 0; t < width - 1; t++)
                if (labels[b * width + t + 1] is var target and not -100)
                {
                    positions.Add(b * width + t);
                    targets.Add(target);
                }
        return ([.. positions], [.. targets]);
    }

    /// <summary>Loss and, where <paramref name="backwardWeight"/> is given, the gradients of weight times the loss, accumulated into every trainable tensor.</summary>
    /// <param name="model">Gives the output layer.</param>
    /// <param name="hidden">[B, T, H] after the final norm.</param>
    /// <param name="positions">Flat positions of the rows that have a target.</param>
    /// <param name="targets">Their next tokens.</param>
    /// <param name="backwardWeight">What the summed loss is multiplied with before the backward pass (1 / targets of the step); null: evaluation.</param>
    /// <param name="perTarget">Receives each target's loss and whether it was hit, if given.</param>
    public static TargetSums Run(CausalLM model, Tensor hidden, long[] positions, long[] targets, double? backwardWeight, Action<long, float, bool>? perTarget = null)
    {
        if (positions.Length == 0) return default;
        using var scope = NewDisposeScope();
        // In evaluation filled up with copies of one row, so that the output layer meets few numbers of rows: RowSet.EvaluationMultiple
        // tells why.
        long[] taken = backwardWeight is null ? [.. positions, .. Enumerable.Repeat(positions[^1], RowMultiple - 1)] : positions;
        var rows = hidden.reshape(-1, hidden.size(-1)).index_select(0, tensor(taken, device: hidden.device));
        var leaf = backwardWeight is null ? rows : rows.detach().requires_grad_(rows.requires_grad);
        int chunk = ChunkRows(model.Spec);
        TargetSums sums = default;
        for (int start = 0; start < positions.Length; start += chunk)
            sums += Chunk(model, leaf, targets, start, Math.Min(chunk, positions.Length - start), backwardWeight, perTarget);
        if (backwardWeight is not null && rows.requires_grad) rows.backward([leaf.grad!]);
        return sums;
    }

    private static TargetSums Chunk(
        CausalLM model, Tensor leaf, long[] targets, int start, int count, double? backwardWeight, Action<long, float, bool>? perTarget)
    {
        using var scope = NewDisposeScope();
        var target = tensor(targets.AsSpan(start, count).ToArray(), device: leaf.device);
        int full = (count + RowMultiple - 1) / RowMultiple * RowMultiple;
        int filled = backwardWeight is null ? Math.Min(ChunkRows(model.Spec), full) : count;
        Tensor made = model.Logits(leaf.narrow(0, start, filled)), logits = made.narrow(0, 0, count).to(ScalarType.Float32);
        if (backwardWeight is null) made.Dispose(); // in training this early freeing takes a fortieth of the step's time
        if (backwardWeight is { } weight)
        {
            var loss = nn.functional.cross_entropy(logits, target, reduction: nn.Reduction.Sum);
            if (loss.requires_grad) Ops.Scale(loss, weight).backward();
            return new(loss.item<float>(), 0, count);
        }
        var each = nn.functional.cross_entropy(logits, target, reduction: nn.Reduction.None);
        var hit = logits.argmax(-1).eq(target);
        if (perTarget is not null)
        {
            float[] losses = each.cpu().data<float>().ToArray();
            bool[] hits = hit.cpu().data<bool>().ToArray();
            for (int i = 0; i < count; i++) perTarget(start + i, losses[i], hits[i]);
        }
        return new(each.to(ScalarType.Float64).sum().item<double>(), hit.sum().item<long>(), count);
    }
}

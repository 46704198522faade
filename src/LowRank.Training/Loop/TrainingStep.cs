using LowRank.Tensors;
using LowRank.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// Forward and backward of one micro-batch. Randomness (dropout) is a function of seed, step, micro-batch and block, so that recomputing a block or resuming a run
/// draws the same numbers.
/// </summary>
/// <param name="model">The model, adapter attached.</param>
/// <param name="seed">The run's.</param>
/// <param name="checkpointing">Whether blocks are run again in the backward pass.</param>
/// <param name="tokens">Tokens that go through the model at once, whole rows at least; null: a batch.</param>
internal sealed class TrainingStep(CausalLM model, long seed, bool checkpointing, int? tokens = null) : IMicroStep
{
    /// <inheritdoc/>
    public TargetSums Run(Batch batch, double weight, long microStep)
    {
        if (tokens is not { } most) return One(batch, weight, microStep);
        TargetSums sums = default;
        long part = 0;
        foreach (var piece in batch.Cut(most)) sums += One(piece, weight, microStep ^ part++ << 40); // dropout draws anew in each
        return sums;
    }

    private TargetSums One(Batch batch, double weight, long microStep)
    {
        batch.Check(model.Spec.VocabularySize);
        using var scope = NewDisposeScope();
        var (positions, targets) = TargetLoss.Shift(batch.Labels, batch.B, batch.T);
        var input = Prepare(model, batch);
        return checkpointing ? Recomputed(input, positions, targets, weight, microStep) : Direct(input, positions, targets, weight, microStep);
    }

    /// <summary>What the blocks share in a batch's pass: documents end to end, or rows with a mask where something is padded.</summary>
    internal static BlockInput Prepare(CausalLM model, Batch batch)
    {
        var ids = tensor(batch.Ids, batch.B, batch.T, device: model.Device);
        if (batch.Documents is { } lengths) return model.Prepare(ids, new DocumentLayout(lengths));
        return model.Prepare(ids, batch.Tokens < batch.Ids.Length ? tensor(batch.Mask, batch.B, batch.T, device: model.Device) : null);
    }

    private TargetSums Direct(BlockInput input, long[] positions, long[] targets, double weight, long microStep)
    {
        Seed(microStep, 0);
        var hidden = model.Embed(input);
        for (int i = 0; i < model.BlockCount; i++)
        {
            Seed(microStep, i + 1);
            hidden = model.Block(i, hidden, input);
        }
        return TargetLoss.Run(model, model.FinalNorm(hidden), positions, targets, weight);
    }

    /// <summary>Keeps only each block's input; the backward pass runs a block again with gradients and sends the gradient through it.</summary>
    private TargetSums Recomputed(BlockInput input, long[] positions, long[] targets, double weight, long microStep)
    {
        List<Tensor> kept = [];
        using (no_grad())
        {
            Seed(microStep, 0);
            kept.Add(model.Embed(input));
            for (int i = 0; i < model.BlockCount; i++)
            {
                using var inner = NewDisposeScope();
                Seed(microStep, i + 1);
                kept.Add(model.Block(i, kept[^1], input).MoveToOuterDisposeScope());
            }
        }
        var top = kept[^1].detach().requires_grad_(true);
        var sums = TargetLoss.Run(model, model.FinalNorm(top), positions, targets, weight);
        if (top.grad is not { } gradient) return sums; // no targets
        for (int i = model.BlockCount - 1; i >= 0; i--)
        {
            using var inner = NewDisposeScope();
            var leaf = kept[i].detach().requires_grad_(true);
            Seed(microStep, i + 1);
            var output = model.Block(i, leaf, input);
            output.backward([gradient]);
            gradient = leaf.grad!.MoveToOuterDisposeScope();
        }
        Seed(microStep, 0);
        var embedded = model.Embed(input);
        if (embedded.requires_grad) embedded.backward([gradient]);
        return sums;
    }

    private void Seed(long microStep, int block)
    {
        if (!model.training) return;
        manual_seed((long)(SplitMix.At(seed, microStep, block) >> 1));
    }
}

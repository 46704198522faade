using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>One block: attention and feed-forward, each with the norms that the spec names around it. Hidden [B, T, H] -> [B, T, H].</summary>
public sealed class DecoderBlock : nn.Module<Tensor, BlockInput, Tensor>
{
    private readonly DecoderSpec _spec;
    private readonly SelfAttention _attention;
    private readonly nn.Module<Tensor, Tensor> _feedForward;
    private readonly StoredModule? _inputNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm;

    internal DecoderBlock(string name, Parts parts, int index) : base(name)
    {
        _spec = parts.Spec;
        var names = _spec.Names;
        register_module(names.Attention, _attention = new SelfAttention(names.Attention, parts.Under(names.Attention), index));
        register_module(names.FeedForward, _feedForward = _spec.Layers[index].HasExperts
            ? new MixtureOfExperts(names.FeedForward, parts.Under(names.FeedForward))
            : new FeedForward(names.FeedForward, parts.Under(names.FeedForward), _spec.FeedForward));
        _inputNorm = Norm(parts, names.InputNorm);
        _attentionOutputNorm = Norm(parts, names.AttentionOutputNorm);
        _feedForwardNorm = Norm(parts, names.FeedForwardNorm);
        _feedForwardOutputNorm = Norm(parts, names.FeedForwardOutputNorm);
    }

    internal PlainBlock AsPlain()
    {
        var attention = _attention.Parts;
        var (gateUp, down) = ((FeedForward)_feedForward).Parts;
        return new(
            _inputNorm, attention.Qkv, attention.QueryNorm, attention.KeyNorm, attention.Output, _attentionOutputNorm,
            _feedForwardNorm, gateUp, down, _feedForwardOutputNorm, attention.Layer.Rope is { } rope ? _spec.Ropes[rope] : null, attention.Layer.Window);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden, BlockInput input)
    {
        using var scope = NewDisposeScope();
        var attended = _attention.call(_inputNorm?.call(hidden) ?? hidden, input);
        if (_attentionOutputNorm is not null) attended = _attentionOutputNorm.call(attended);
        var middle = Add(hidden, attended);
        var source = _spec.ParallelResidual ? hidden : middle;
        var fed = _feedForward.call(_feedForwardNorm?.call(source) ?? source);
        if (_feedForwardOutputNorm is not null) fed = _feedForwardOutputNorm.call(fed);
        return Add(middle, fed).MoveToOuterDisposeScope();
    }

    private Tensor Add(Tensor residual, Tensor output)
        => _spec.ResidualScale == 1 ? residual.Plus(output) : Ops.AddScaled(residual, output, _spec.ResidualScale);

    private StoredModule? Norm(Parts parts, string? name)
    {
        if (name is null) return null;
        var norm = parts.Norm(name, _spec.HiddenSize);
        register_module(name, norm);
        return norm;
    }
}

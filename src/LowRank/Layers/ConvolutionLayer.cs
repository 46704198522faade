using LowRank.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// torch's Conv1d, Conv2d, Conv3d. A [r, in, k..] has the base's kernel, stride and padding and sees all channels; B [out, r/groups, 1..] is pointwise
/// and grouped like the base.
/// </summary>
public sealed class ConvolutionLayer : BaseLayer
{
    private readonly Convolution _module;
    private readonly int _axes;

    internal ConvolutionLayer(string name, Convolution module, int axes) : base(name, module) => (_module, _axes) = (module, axes);

    /// <inheritdoc/>
    public override Parameter Weight => _module.weight;
    /// <inheritdoc/>
    public override Parameter? Bias => _module.bias;
    /// <inheritdoc/>
    public override long FanIn => _module.in_channels * Kernel.Aggregate(1L, (a, b) => a * b);
    /// <inheritdoc/>
    public override long Outputs => _module.out_channels;
    /// <inheritdoc/>
    public override long[] ShapeA(int rank) => [rank, _module.in_channels, .. Kernel];
    /// <inheritdoc/>
    public override long[] ShapeB(int rank) => [Outputs, rank / _module.groups, .. Ones];
    /// <inheritdoc/>
    public override long[] ShapeMagnitude => [1, Outputs, .. Ones];
    /// <inheritdoc/>
    public override string? MergeRefusal => _module.groups > 1 ? $"it is a convolution in {_module.groups} groups, and A sees the channels of all groups, which the grouped weight cannot hold" : null;

    /// <inheritdoc/>
    public override BadInputException? Refusal(int rank)
        => _module.dilation.Any(d => d != 1)
            ? new("a dilated convolution cannot be adapted by LoRA: PEFT's format has no dilation for A", Name, "target_modules", remedy: "Exclude it with exclude_modules.")
            : _module.padding_mode != PaddingModes.Zeros
                ? new("a convolution that does not pad with zeros cannot be adapted", $"{Name}: {_module.padding_mode}", "target_modules", remedy: "Exclude it with exclude_modules.")
                : _module.padding_type == TorchSharp.Padding.Same && Kernel.Any(k => k % 2 == 0)
                    ? new("a convolution with 'same' padding and an even kernel cannot be adapted", Name, "target_modules", remedy: "Exclude it with exclude_modules.")
                    : rank % _module.groups != 0
                        ? new("the rank must be a multiple of the convolution's groups", $"{Name}: r {rank}, {_module.groups} groups", "r", $"a multiple of {_module.groups}", "Change r, or give this module its own in rank_pattern.")
                        : null;

    /// <inheritdoc/>
    public override Tensor Down(Tensor x, Tensor a, ScalarType dtype) => Convolve(x.to_type(dtype), a.to_type(dtype), null, _module.stride, Padding, 1);
    /// <inheritdoc/>
    public override Tensor Up(Tensor low, Tensor b, Tensor? bias) => Convolve(low, b.to_type(low.dtype), bias?.to_type(low.dtype), Ones, Zeros, _module.groups);
    /// <summary>Of a grouped convolution this is no true delta; PEFT's DoRA takes its norm all the same.</summary>
    public override Tensor Delta(Tensor a, Tensor b) => b.reshape(-1, a.size(0)).mm(a.flatten(1)).reshape(Weight.shape);
    /// <inheritdoc/>
    public override Tensor Apply(Tensor x, Tensor weight) => Convolve(x, weight, null, _module.stride, Padding, _module.groups);
    /// <inheritdoc/>
    public override Tensor Norm(Tensor weight) => Ops.Length(weight.flatten(1), 1, keep: false).reshape(ShapeMagnitude);
    /// <inheritdoc/>
    public override Tensor OverOutput(Tensor vector, Tensor output) => vector.reshape([.. output.dim() == _axes + 2 ? [1L] : Array.Empty<long>(), Outputs, .. Ones]);
    /// <inheritdoc/>
    public override Tensor OverWeight(Tensor vector) => vector.reshape([Outputs, 1, .. Ones]);

    private long[] Kernel => Weight.shape[2..];
    private long[] Ones => [.. Enumerable.Repeat(1L, _axes)];
    private long[] Zeros => new long[_axes];
    private long[] Padding => _module.padding_type switch
    {
        TorchSharp.Padding.Same => [.. Kernel.Select(k => k / 2)],
        TorchSharp.Padding.Valid => Zeros,
        _ => _module.padding is { Length: > 0 } given ? given : Zeros,
    };

    private Tensor Convolve(Tensor x, Tensor weight, Tensor? bias, long[] stride, long[] padding, long groups) => _axes switch
    {
        1 => nn.functional.conv1d(x, weight, bias, stride[0], padding[0], 1, groups),
        2 => nn.functional.conv2d(x, weight, bias, stride, padding, Ones, groups),
        _ => nn.functional.conv3d(x, weight, bias, stride, padding, Ones, groups),
    };
}

using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A module of ours whose forward can be run with other parameters than its own, so that a trained copy (modules_to_save) can stand in without touching it.</summary>
public interface IFunctional
{
    /// <summary>The forward pass on <paramref name="input"/>, each parameter taken from <paramref name="parameter"/> by its local name ("weight", "bias").</summary>
    Tensor Compute(Tensor input, Func<string, Tensor?> parameter);
}

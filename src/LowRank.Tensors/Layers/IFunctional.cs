using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// A module of ours whose forward can be run with other parameters than its own, so that a trained copy (modules_to_save) can stand in without touching it; and whose parameters can be
/// replaced, so that such a copy can be merged.
/// </summary>
public interface IFunctional
{
    /// <summary>The forward pass on <paramref name="input"/>, each parameter taken from <paramref name="parameter"/> by its local name ("weight", "bias").</summary>
    Tensor Compute(Tensor input, Func<string, Tensor?> parameter);
    /// <summary>The dtype that its parameters are used in, whatever they are stored in.</summary>
    ScalarType ComputeDType { get; }
    /// <summary>Puts another parameter of the same shape in place and returns the one that was there.</summary>
    Parameter Replace(string name, Parameter value);
}

using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Makes a model's modules, taking each parameter by full name and shape: from the weights, or, to learn what a spec needs, from nowhere.</summary>
/// <param name="spec">What is built.</param>
/// <param name="computeDType">The dtype it computes in.</param>
/// <param name="take">A parameter by name and shape.</param>
/// <param name="quantized">
/// A matrix in blocks by its name and whether it is a table (an embedding, the output layer), and how to read what it was quantised from (null: not known); nothing where it is to be a plain
/// parameter. Null: all are.
/// </param>
/// <param name="prefix">The path of the module whose parts these are.</param>
internal sealed class Parts(DecoderSpec spec, ScalarType computeDType, Func<string, long[], Parameter> take, Func<string, bool, (QuantizedWeight Weight, Func<Tensor>? Original)?>? quantized = null, string prefix = "")
{
    public DecoderSpec Spec => spec;
    public ScalarType ComputeDType => computeDType;

    public Parts Under(string name) => new(spec, computeDType, take, quantized, prefix + name + ".");

    public Projection Linear(string name, long inputs, long outputs, bool bias, bool isOutput = false)
    {
        bool transposed = spec.TransposedLinear && !isOutput;
        string weight = $"{prefix}{name}.weight";
        long[] shape = transposed ? [inputs, outputs] : [outputs, inputs];
        Parameter? Bias() => bias ? take($"{prefix}{name}.bias", [outputs]) : null;
        return quantized?.Invoke(weight, isOutput) is var (blocks, original)
            ? new(name, blocks, Bias(), computeDType, transposed, isOutput, original)
            : new(name, take(weight, shape), Bias(), computeDType, transposed, isOutput);
    }

    public TokenEmbedding Embedding(string name, long rows, double scale = 1)
    {
        string weight = $"{prefix}{name}.weight";
        return quantized?.Invoke(weight, true) is var (blocks, _) ? new(name, blocks, computeDType, scale) : new(name, take(weight, [rows, spec.HiddenSize]), computeDType, scale);
    }

    public StoredModule Norm(string name, long size)
        => spec.Norm.IsLayerNorm
            ? new LayerNorm(name, take($"{prefix}{name}.weight", [size]), take($"{prefix}{name}.bias", [size]), spec.Norm, computeDType)
            : new RmsNorm(name, take($"{prefix}{name}.weight", [size]), spec.Norm, computeDType);

}

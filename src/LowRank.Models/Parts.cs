using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Makes a model's modules, taking each parameter by full name and shape: from the weights, or, to learn what a spec needs, from nowhere.</summary>
internal sealed class Parts(DecoderSpec spec, ScalarType computeDType, Func<string, long[], Parameter> take, string prefix = "")
{
    public DecoderSpec Spec => spec;
    public ScalarType ComputeDType => computeDType;

    public Parts Under(string name) => new(spec, computeDType, take, prefix + name + ".");

    public Projection Linear(string name, long inputs, long outputs, bool bias, bool isOutput = false)
    {
        bool transposed = spec.TransposedLinear && !isOutput;
        return new(name, take($"{prefix}{name}.weight", transposed ? [inputs, outputs] : [outputs, inputs]),
            bias ? take($"{prefix}{name}.bias", [outputs]) : null, computeDType, transposed, isOutput);
    }

    public TokenEmbedding Embedding(string name, long rows, double scale = 1)
        => new(name, take($"{prefix}{name}.weight", [rows, spec.HiddenSize]), computeDType, scale);

    public StoredModule Norm(string name, long size)
        => spec.Norm.IsLayerNorm
            ? new LayerNorm(name, take($"{prefix}{name}.weight", [size]), take($"{prefix}{name}.bias", [size]), spec.Norm, computeDType)
            : new RmsNorm(name, take($"{prefix}{name}.weight", [size]), spec.Norm, computeDType);

}

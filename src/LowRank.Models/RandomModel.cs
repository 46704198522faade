using System.Text.Json.Nodes;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>A model folder with random weights of any configuration: speed and memory do not depend on what a weight is.</summary>
public static class RandomModel
{
    private const double Deviation = 0.02;

    /// <summary>Writes config.json and model.safetensors in bfloat16: matrices normal with deviation 0.02, norms one, biases zero.</summary>
    /// <param name="folder">Made where it does not exist.</param>
    /// <param name="config">What config.json is to hold.</param>
    /// <param name="seed">What the weights follow from.</param>
    /// <param name="stop">Ends it between two weights; then nothing but config.json is there.</param>
    /// <exception cref="BadInputException">The configuration describes no known model, or the place cannot be written.</exception>
    public static void Write(string folder, JsonObject config, long seed = 1, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var spec = FamilyTable.Describe(config, Path.Combine(folder, "config.json"));
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        random.manual_seed(seed);
        List<(string, Tensor)> weights = [];
        foreach (var (name, shape) in TensorCheck.Needed(spec))
        {
            stop.ThrowIfCancellationRequested();
            weights.Add((name, Weight(name, shape)));
        }
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), weights);
    }

    private static Tensor Weight(string name, long[] shape)
    {
        if (shape.Length < 2) return name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(shape, ScalarType.BFloat16) : ones(shape, ScalarType.BFloat16);
        using var scope = NewDisposeScope();
        var values = randn(shape);
        Ops.ScaleInPlace(values, Deviation);
        return values.to(ScalarType.BFloat16).MoveToOuterDisposeScope();
    }
}

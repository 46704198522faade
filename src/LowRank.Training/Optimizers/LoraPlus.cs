using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>LoRA+ (arXiv 2402.12354): the B matrices learn faster than the A matrices by a fixed ratio.</summary>
public static class LoraPlus
{
    /// <summary>Sorts adapter parameters into the groups A, embedding, B and B without decay, as PEFT does; empty groups are left out.</summary>
    /// <param name="parameters">PEFT key, tensor, whether it is a B matrix, whether it belongs to an embedding layer.</param>
    /// <param name="learningRate">The run's peak rate, which group A gets; above 0.</param>
    /// <param name="ratio">loraplus_lr_ratio: B's rate over A's.</param>
    /// <param name="embeddingRate">loraplus_lr_embedding: the peak rate of embedding layers.</param>
    /// <param name="weightDecay">The decay of all groups but the last (biases and norms).</param>
    public static IReadOnlyList<ParameterGroup> Groups(IEnumerable<(string Key, Tensor Parameter, bool IsB, bool IsEmbedding)> parameters,
        double learningRate, double ratio, double embeddingRate = 1e-6, double weightDecay = 0)
    {
        if (!(ratio > 0) || !double.IsFinite(ratio)) throw new BadInputException("the ratio of LoRA+ is out of range", $"{ratio}", "loraplus_lr_ratio", "a number above 0 (the paper's is 16)");
        if (!(learningRate > 0)) throw new BadInputException("the learning rate is out of range", $"{learningRate}", "learning_rate", "a number above 0");
        var all = parameters.ToList();
        ParameterGroup Of(string name, double factor, double decay, Func<(string Key, Tensor Parameter, bool IsB, bool IsEmbedding), bool> belongs)
            => new(name, [.. all.Where(belongs).Select(p => p.Parameter)], factor, decay);
        ParameterGroup[] groups =
        [
            Of("A", 1, weightDecay, p => !p.IsEmbedding && !Fast(p)),
            Of("embedding", embeddingRate / learningRate, weightDecay, p => p.IsEmbedding),
            Of("B", ratio, weightDecay, p => !p.IsEmbedding && Fast(p) && !WithoutDecay(p)),
            Of("B_no_decay", ratio, 0, p => !p.IsEmbedding && Fast(p) && WithoutDecay(p)),
        ];
        return [.. groups.Where(g => g.Parameters.Count > 0)];
    }

    // Vectors (biases, norms, DoRA's magnitudes) learn as fast as B.
    private static bool Fast((string Key, Tensor Parameter, bool IsB, bool IsEmbedding) p) => p.IsB || p.Parameter.dim() == 1;

    private static bool WithoutDecay((string Key, Tensor Parameter, bool IsB, bool IsEmbedding) p)
        => p.Key.Contains("bias", StringComparison.Ordinal) || (p.Parameter.dim() == 1 && p.Key.Contains("norm", StringComparison.OrdinalIgnoreCase));
}

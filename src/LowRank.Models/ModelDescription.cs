using LowRank.Tensors;

namespace LowRank.Models;

/// <summary>What a model is, from its configuration and headers alone; no weight is read.</summary>
/// <param name="Spec">What it computes.</param>
/// <param name="ParameterCount">Numbers in all stored tensors.</param>
/// <param name="Bytes">Bytes of all stored tensors.</param>
/// <param name="DTypes">How many tensors are stored in each dtype, by the format's names.</param>
public sealed record ModelDescription(DecoderSpec Spec, long ParameterCount, long Bytes, IReadOnlyDictionary<string, int> DTypes)
{
    internal static ModelDescription Of(DecoderSpec spec, IWeightSource source) => new(spec,
        source.Names.Sum(n => source.Shape(n)!.Aggregate(1L, (a, b) => a * b)), source.Names.Sum(source.ByteLength),
        source.Names.GroupBy(source.DType).ToDictionary(g => g.Key, g => g.Count()));
}

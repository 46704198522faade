namespace LowRank.Models;

/// <summary>A model as its configuration and file headers describe it; no weight has been read.</summary>
/// <param name="Spec">What it computes.</param>
/// <param name="Source">Folder or file.</param>
/// <param name="Tensors">Its weights, in the order of the modules; a shared one once.</param>
public sealed record ModelDescription(DecoderSpec Spec, string Source, IReadOnlyList<TensorDescription> Tensors)
{
    /// <summary>All weights' elements.</summary>
    public long ParameterCount => Tensors.Sum(t => t.Elements);
    /// <summary>Bytes the weights take as stored.</summary>
    public long Bytes => Tensors.Sum(t => t.Bytes);
    /// <summary>Elements a token passes through: of a mixture's experts only as many as a token goes to.</summary>
    public long ActiveParameterCount => Spec.Experts is { } e
        ? Tensors.Sum(t => t.Name.Contains($".{Spec.Names.Experts}.", StringComparison.Ordinal) ? t.Elements * e.PerToken / e.Count : t.Elements)
        : ParameterCount;
}

/// <summary>One weight as stored.</summary>
/// <param name="Name">Hugging Face's name.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="DType">The dtype as the file spells it.</param>
/// <param name="Bytes">Bytes in the file.</param>
public sealed record TensorDescription(string Name, long[] Shape, string DType, long Bytes)
{
    /// <summary>Product of the sizes.</summary>
    public long Elements => Shape.Aggregate(1L, (a, b) => a * b);
}

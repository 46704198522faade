using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// A layer y = x·Wᵀ + b of a kind that TorchSharp does not have, open to adapters: our own projections and GPT-2's transposed linear.
/// Implemented by modules of type <c>Module&lt;Tensor, Tensor&gt;</c>.
/// </summary>
public interface ILinearLayer
{
    /// <summary>The stored weight: [out, in], or [in, out] where <see cref="Transposed"/>. Possibly a read-only view of a file: never write into it, replace it.</summary>
    Parameter Weight { get; }
    /// <summary>[out], or null.</summary>
    Parameter? Bias { get; }
    /// <summary>True where the weight is stored [in, out], as GPT-2 does (fan_in_fan_out).</summary>
    bool Transposed { get; }
    /// <summary>True for the layer that makes the logits: `all-linear` leaves it out.</summary>
    bool IsOutputEmbedding { get; }
    /// <summary>Puts another weight of the same shape in place (merging, unmerging) and returns the one that was there; null leaves the bias alone.</summary>
    (Parameter Weight, Parameter? Bias) Replace(Parameter weight, Parameter? bias = null);
}

/// <summary>An embedding table open to adapters. Implemented by modules of type <c>Module&lt;Tensor, Tensor&gt;</c> from ids [..] to vectors [.., dim].</summary>
public interface IEmbeddingLayer
{
    /// <summary>[vocabulary, dim]. Possibly a read-only view of a file.</summary>
    Parameter Weight { get; }
    /// <summary>What the looked-up rows are multiplied with (Gemma: √dim); 1 elsewhere. An adapter's delta is multiplied with it too.</summary>
    double OutputScale { get; }
    /// <summary>The output layer that shares this table, or null. Its own weight can be replaced to untie the two.</summary>
    ILinearLayer? TiedOutput { get; }
    /// <summary>Puts another table of the same shape in place and returns the one that was there; a tied output keeps the old one.</summary>
    Parameter Replace(Parameter weight);
}

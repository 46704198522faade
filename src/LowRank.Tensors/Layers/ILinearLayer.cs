using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>
/// A layer y = x·Wᵀ + b of a kind that TorchSharp does not have, open to adapters: our own projections and GPT-2's transposed linear.
/// Implemented by modules of type <c>Module&lt;Tensor, Tensor&gt;</c>.
/// </summary>
public interface ILinearLayer
{
    /// <summary>
    /// The stored weight: [out, in], or [in, out] where <see cref="Transposed"/>. Possibly a read-only view of a file: never write into it, replace it. Of a quantised
    /// layer the float32 values of its blocks, made anew at each call and owned by the current dispose scope: ask once, where they are needed.
    /// </summary>
    Parameter Weight { get; }
    /// <summary>The weight's blocks, where the layer is quantised; else null.</summary>
    QuantizedWeight? Quantized => null;
    /// <summary>The dtype that the layer computes in, whatever the weight is stored in.</summary>
    ScalarType ComputeDType => Quantized is null ? Weight.dtype : ScalarType.Float32;
    /// <summary>Reads, into the current dispose scope, the weight from which the blocks were made; null where that is not known.</summary>
    Func<Tensor>? Original => null;
    /// <summary>Width of the input.</summary>
    long InputSize => Weight.size(Transposed ? 0 : 1);
    /// <summary>Width of the output.</summary>
    long OutputSize => Weight.size(Transposed ? 1 : 0);
    /// <summary>[out], or null.</summary>
    Parameter? Bias { get; }
    /// <summary>True where the weight is stored [in, out], as GPT-2 does (fan_in_fan_out).</summary>
    bool Transposed { get; }
    /// <summary>True for the layer that makes the logits: `all-linear` leaves it out.</summary>
    bool IsOutputEmbedding { get; }
    /// <summary>
    /// Puts another weight or bias of the same shape in place (merging, unmerging) and returns what was there; null leaves that one alone, and null comes back for it.
    /// Null comes back for a quantised weight too: whoever wants it again asks for <see cref="Quantized"/> before.
    /// </summary>
    (Parameter? Weight, Parameter? Bias) Replace(Parameter? weight, Parameter? bias = null);
    /// <summary>The same with a quantised weight.</summary>
    Parameter? Replace(QuantizedWeight weight) => throw new NotSupportedException("this layer holds no quantised weight");
}

/// <summary>An embedding table open to adapters. Implemented by modules of type <c>Module&lt;Tensor, Tensor&gt;</c> from ids [..] to vectors [.., dim].</summary>
public interface IEmbeddingLayer
{
    /// <summary>
    /// [vocabulary, dim]. Possibly a read-only view of a file. Of a quantised table the float32 values of its blocks, made anew at each call and owned by the current dispose scope: ask
    /// once, where all are needed.
    /// </summary>
    Parameter Weight { get; }
    /// <summary>The table's blocks, where it is quantised; else null.</summary>
    QuantizedWeight? Quantized => null;
    /// <summary>The dtype that the rows come out in, whatever the table is stored in.</summary>
    ScalarType ComputeDType => Quantized is null ? Weight.dtype : ScalarType.Float32;
    /// <summary>Rows of the table.</summary>
    long Vocabulary => Weight.size(0);
    /// <summary>Numbers in a row.</summary>
    long Width => Weight.size(1);
    /// <summary>What the looked-up rows are multiplied with (Gemma: √dim); 1 elsewhere. An adapter's delta is multiplied with it too.</summary>
    double OutputScale { get; }
    /// <summary>The output layer that shares this table, or null. Its own weight can be replaced to untie the two.</summary>
    ILinearLayer? TiedOutput { get; }
    /// <summary>
    /// Puts another table of the same shape in place and returns the one that was there; a tied output keeps the old one. Null comes back for a quantised table: whoever wants it again asks
    /// for <see cref="Quantized"/> before.
    /// </summary>
    Parameter? Replace(Parameter weight);
    /// <summary>The same with a quantised table.</summary>
    Parameter? Replace(QuantizedWeight weight) => throw new NotSupportedException("this embedding holds no quantised table");
}

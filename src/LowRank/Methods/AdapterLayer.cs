using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// What one adapter does to one module: forward, delta, parameters. Everything else (merging, mixing, saving, loading) is written once above these three.
/// All differences are taken from the base, so that several adapters add and a strength is linear.
/// </summary>
public abstract class AdapterLayer
{
    /// <summary>The module's path.</summary>
    public required string Module { get; init; }
    /// <summary>What it trains, by the end of its key in the file.</summary>
    public abstract IReadOnlyList<LayerParameter> Parameters { get; }
    /// <summary>Rank of the factors; 0 where there are none.</summary>
    public virtual int Rank => 0;
    /// <summary>The factor of the delta at strength 1.</summary>
    public virtual double Scale => 1;
    /// <summary>Why it cannot be merged; null if it can.</summary>
    public virtual string? MergeRefusal => null;

    /// <summary>The output with this layer's difference, times <paramref name="strength"/>, added.</summary>
    /// <param name="x">The module's input.</param>
    /// <param name="baseOutput">What the base module gave.</param>
    /// <param name="output">What other adapters made of it so far.</param>
    /// <param name="strength">Not 0; 1 is the adapter as trained.</param>
    /// <param name="training">Whether dropout acts.</param>
    public abstract Tensor Forward(Tensor x, Tensor baseOutput, Tensor output, double strength, bool training);

    /// <summary>A parameter of the base module ("weight", "bias") with this layer's difference added; <paramref name="merged"/> itself where it does not touch it.</summary>
    /// <param name="parameter">The parameter's local name.</param>
    /// <param name="original">The base's, in float32 or float64.</param>
    /// <param name="merged">What other adapters made of it so far.</param>
    /// <param name="strength">As in <see cref="Forward"/>.</param>
    public abstract Tensor Merge(string parameter, Tensor original, Tensor merged, double strength);

    /// <summary>Views of another layer's tensors, written for readers that expect them; by the end of their key.</summary>
    internal virtual IEnumerable<(string Suffix, Tensor Value)> Mirrors => [];

    internal virtual void DisposeExtras() { }
}

/// <summary>One trained tensor of an <see cref="AdapterLayer"/>.</summary>
/// <param name="Suffix">The end of its key in the file, after the module's path and a dot.</param>
/// <param name="Parameter">float32.</param>
/// <param name="Role">What it is.</param>
public sealed record LayerParameter(string Suffix, Parameter Parameter, ParameterRole Role);

/// <summary>What a trained tensor is; optimizers group by it (LoRA+).</summary>
public enum ParameterRole
{
    /// <summary>lora_A.weight</summary>
    A,
    /// <summary>lora_B.weight</summary>
    B,
    /// <summary>lora_B.bias</summary>
    BBias,
    /// <summary>lora_embedding_A</summary>
    EmbeddingA,
    /// <summary>lora_embedding_B</summary>
    EmbeddingB,
    /// <summary>DoRA's lora_magnitude_vector</summary>
    Magnitude,
    /// <summary>A bias of the base, trained along.</summary>
    Bias,
    /// <summary>A parameter of a module trained as a whole copy.</summary>
    Saved,
    /// <summary>Rows of an embedding.</summary>
    Tokens,
}

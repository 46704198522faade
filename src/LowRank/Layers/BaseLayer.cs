using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>
/// One layer of the base model as adapters see it: where its weights are, and what low-rank factors mean for its kind.
/// The factors: A takes the input to rank r, B takes rank r to the output.
/// </summary>
public abstract class BaseLayer
{
    private protected BaseLayer(string name, nn.Module<Tensor, Tensor> module) => (Name, Module) = (name, module);

    /// <summary>The module's path in the model.</summary>
    public string Name { get; }
    /// <summary>The module itself.</summary>
    public nn.Module<Tensor, Tensor> Module { get; }
    /// <summary>The stored weight.</summary>
    public abstract Parameter Weight { get; }
    /// <summary>The bias, or null.</summary>
    public virtual Parameter? Bias => null;
    /// <summary>Whether this is a linear layer of any sort (`all-linear`).</summary>
    public virtual bool IsLinear => false;
    /// <summary>Whether this is an embedding table.</summary>
    public virtual bool IsEmbedding => false;
    /// <summary>Whether this layer makes the logits.</summary>
    public virtual bool IsOutputEmbedding => false;
    /// <summary>Whether the weight is stored [in, out].</summary>
    public virtual bool Transposed => false;
    /// <summary>Why no low-rank adapter can sit here; null if one can.</summary>
    public virtual BadInputException? Refusal(int rank) => null;
    /// <summary>Why a delta cannot be folded into the weight; null if it can.</summary>
    public virtual string? MergeRefusal => null;
    /// <summary>Inputs that one row of A sees.</summary>
    public abstract long FanIn { get; }
    /// <summary>Size of the output's feature dimension.</summary>
    public abstract long Outputs { get; }
    /// <summary>Shape of A for a rank.</summary>
    public abstract long[] ShapeA(int rank);
    /// <summary>Shape of B for a rank.</summary>
    public abstract long[] ShapeB(int rank);
    /// <summary>Shape of DoRA's magnitude.</summary>
    public virtual long[] ShapeMagnitude => [Outputs];
    /// <summary>The input times A, in <paramref name="dtype"/>: [.., r] (convolutions [N, r, ..]).</summary>
    public abstract Tensor Down(Tensor x, Tensor a, ScalarType dtype);
    /// <summary>What <see cref="Down"/> gave times B, plus B's bias if any.</summary>
    public abstract Tensor Up(Tensor low, Tensor b, Tensor? bias);
    /// <summary>The change of the stored weight that A and B amount to, in the weight's layout.</summary>
    public abstract Tensor Delta(Tensor a, Tensor b);
    /// <summary>The layer's own operation with another weight and without bias.</summary>
    public abstract Tensor Apply(Tensor x, Tensor weight);
    /// <summary>DoRA's norm of each output of a weight, in the magnitude's shape.</summary>
    public abstract Tensor Norm(Tensor weight);
    /// <summary>A vector over the outputs, shaped so that it broadcasts over this layer's output.</summary>
    public virtual Tensor OverOutput(Tensor vector, Tensor output) => vector;
    /// <summary>A vector of <see cref="ShapeMagnitude"/>, shaped so that it broadcasts over the stored weight.</summary>
    public abstract Tensor OverWeight(Tensor vector);
}

using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A matrix in bytes with one scale a row: the weights of LLM.int8.</summary>
public sealed unsafe class Int8Weight : QuantizedWeight
{
    private Int8Weight(long rows, long columns) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>`int8`.</summary>
    public override string Kind => "int8";
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();

    /// <summary>Quantises a matrix [rows, columns] of any float dtype as bitsandbytes does (rounded to float16 first).</summary>
    public static Int8Weight Quantize(Tensor source) => throw new NotImplementedException();

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>Reads `X.weight` and `X.SCB`; a view of the source, valid while it is open.</summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Int8Weight Read(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>What a checkpoint holds for this weight called <paramref name="name"/> (`X.weight`), in the current dispose scope.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Save(string name) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}

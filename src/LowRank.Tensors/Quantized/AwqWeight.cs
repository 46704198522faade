namespace LowRank.Tensors;

/// <summary>A matrix in AWQ's 4-bit `gemm` form: packed along the outputs, scales and zeros by group of inputs.</summary>
public sealed unsafe class AwqWeight : QuantizedWeight
{
    private AwqWeight(long rows, long columns) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>`awq`.</summary>
    public override string Kind => "awq";
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form, as `X.qweight` and companions.</summary>
    public static bool IsIn(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>Reads `X.qweight`, `X.qzeros` and `X.scales`.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static AwqWeight Read(IWeightSource source, string name) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}

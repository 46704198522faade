namespace LowRank.Tensors;

/// <summary>A matrix in 8-bit floats (e4m3fn or e5m2) with one scale for all, one a row, or one a block of 128 x 128.</summary>
public sealed unsafe class Fp8Weight : QuantizedWeight
{
    private Fp8Weight(long rows, long columns) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>`fp8`.</summary>
    public override string Kind => "fp8";
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>Reads `X.weight` with `X.weight_scale` or `X.weight_scale_inv`; a view of the source, valid while it is open.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <param name="blockRows">Rows of a block, where the scales are a grid.</param>
    /// <param name="blockColumns">Columns of a block, where the scales are a grid.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Fp8Weight Read(IWeightSource source, string name, int blockRows = 128, int blockColumns = 128) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}

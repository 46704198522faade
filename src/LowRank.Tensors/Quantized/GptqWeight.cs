namespace LowRank.Tensors;

/// <summary>A matrix in GPTQ's 4-bit form: packed along the inputs, scales and zeros by group of inputs.</summary>
public sealed unsafe class GptqWeight : QuantizedWeight
{
    private GptqWeight(long rows, long columns) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>`gptq`.</summary>
    public override string Kind => "gptq";
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form, as `X.qweight` and companions.</summary>
    public static bool IsIn(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>Reads `X.qweight`, `X.qzeros`, `X.scales` and, where it is there, `X.g_idx`.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <param name="zeroOffset">What is added to the stored zeros: 1 in the usual files, 0 in those of `checkpoint_format: gptq_v2`.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static GptqWeight Read(IWeightSource source, string name, int zeroOffset = 1) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}

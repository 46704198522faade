using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A matrix in bitsandbytes' 4-bit codes, NF4 or FP4.</summary>
public sealed unsafe class Bnb4Weight : QuantizedWeight
{
    private Bnb4Weight(long rows, long columns) : base(rows, columns) => throw new NotImplementedException();

    /// <summary>`nf4` or `fp4`.</summary>
    public override string Kind => throw new NotImplementedException();
    /// <inheritdoc/>
    public override long Bytes => throw new NotImplementedException();
    /// <summary>Numbers that share a scale.</summary>
    public int BlockSize => throw new NotImplementedException();
    /// <summary>Whether the scales are quantised too.</summary>
    public bool Nested => throw new NotImplementedException();

    /// <summary>Quantises a matrix [rows, columns] of any float dtype as bitsandbytes does.</summary>
    /// <param name="code">`nf4` or `fp4`.</param>
    /// <param name="source">The matrix.</param>
    /// <param name="blockSize">Numbers that share a scale: 64, 128, 256, ... 4096.</param>
    /// <param name="nested">Whether the scales are quantised too (double quantisation).</param>
    public static Bnb4Weight Quantize(string code, Tensor source, int blockSize = 64, bool nested = false) => throw new NotImplementedException();

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>Reads `X.weight` and its companions; a view of the source, valid while it is open.</summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Bnb4Weight Read(IWeightSource source, string name) => throw new NotImplementedException();

    /// <summary>What a checkpoint holds for this weight called <paramref name="name"/> (`X.weight`), in the current dispose scope.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Save(string name) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => throw new NotImplementedException();
}

namespace LowRank.Tensors;

/// <summary>
/// A matrix in AWQ's 4-bit `gemm` form (Lin et al., 2023): eight outputs to an integer, lowest first in the order 0, 2, 4, 6, 1, 3, 5, 7; scales and zeros by group of inputs.
/// `qweight` [inputs, outputs / 8], `qzeros` [groups, outputs / 8], `scales` [groups, outputs]. Expanded rows are outputs.
/// </summary>
public sealed unsafe class AwqWeight : QuantizedWeight
{
    private readonly GroupedNibbles _nibbles;

    private AwqWeight(long rows, long columns, GroupedNibbles nibbles) : base(rows, columns) => _nibbles = nibbles;

    /// <summary>Where an output's number lies among the eight of an integer.</summary>
    private static ReadOnlySpan<byte> Place => [0, 4, 1, 5, 2, 6, 3, 7];

    /// <summary>`awq`.</summary>
    public override string Kind => "awq";
    /// <inheritdoc/>
    public override long Bytes => _nibbles.Bytes;

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form, as `X.qweight` and companions.</summary>
    public static bool IsIn(IWeightSource source, string name)
    {
        string layer = Companions.Layer(name);
        return source.Shape(layer + ".qweight") is [_, var eighths] && source.Shape(layer + ".scales") is [_, var outputs] && outputs == eighths * 8;
    }

    /// <summary>Reads `X.qweight`, `X.qzeros` and `X.scales`.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static AwqWeight Read(IWeightSource source, string name)
    {
        string layer = Companions.Layer(name), scaleName = layer + ".scales";
        if (source.Shape(layer + ".qweight") is not [var columns, var eighths]) throw new BadInputException("a part of a quantised weight is missing", layer + ".qweight", source.Path);
        long rows = eighths * 8;
        if (source.Shape(scaleName) is not [var groups, var scaled] || scaled != rows || groups == 0 || columns % groups != 0)
            throw Companions.Misfit(source, scaleName, source.Shape(scaleName) is { } other ? Companions.Shape(other) : "nothing", $"[groups, {rows}], with groups that divide {columns} inputs");
        int[] qweight = Companions.Integers(source, layer + ".qweight", columns, eighths), qzeros = Companions.Integers(source, layer + ".qzeros", groups, eighths);
        float[] scales = Companions.Numbers(source, scaleName);
        var nibbles = new GroupedNibbles(rows, columns, (int)groups, null);
        nibbles.Fill(rows, (row, column) => Number(qweight[column * eighths + row / 8], row), (row, g) => (scales[g * rows + row], Number(qzeros[g * eighths + row / 8], row)));
        return new AwqWeight(rows, columns, nibbles);
    }

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => _nibbles.Expand(from, to, destination);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _nibbles.Dispose();
        base.Dispose();
    }

    private static int Number(int eight, long row) => eight >> Place[(int)(row % 8)] * 4 & 15;
}

namespace LowRank.Tensors;

/// <summary>
/// A matrix in GPTQ's 4-bit form (Frantar et al., 2022): eight inputs to an integer, scales and zeros by group of inputs. `qweight` [inputs / 8, outputs], `qzeros` [groups, outputs / 8],
/// `scales` [groups, outputs], `g_idx` [inputs] the group of each input. Expanded rows are outputs.
/// </summary>
public sealed unsafe class GptqWeight : QuantizedWeight
{
    private readonly GroupedNibbles _nibbles;

    private GptqWeight(long rows, long columns, GroupedNibbles nibbles) : base(rows, columns) => _nibbles = nibbles;

    /// <summary>`gptq`.</summary>
    public override string Kind => "gptq";
    /// <inheritdoc/>
    public override long Bytes => _nibbles.Bytes;

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form, as `X.qweight` and companions.</summary>
    public static bool IsIn(IWeightSource source, string name)
    {
        string layer = Companions.Layer(name);
        return source.Shape(layer + ".qweight") is [_, var outputs] && source.Shape(layer + ".scales") is [_, var scaled] && scaled == outputs;
    }

    /// <summary>Reads `X.qweight`, `X.qzeros`, `X.scales` and, where it is there, `X.g_idx`.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <param name="zeroOffset">What is added to the stored zeros: 1 in the usual files, 0 in those of `checkpoint_format: gptq_v2`.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static GptqWeight Read(IWeightSource source, string name, int zeroOffset = 1)
    {
        string layer = Companions.Layer(name), scaleName = layer + ".scales", zeroName = layer + ".qzeros", indexName = layer + ".g_idx";
        if (source.Shape(layer + ".qweight") is not [var eighths, var rows]) throw new BadInputException("a part of a quantised weight is missing", layer + ".qweight", source.Path);
        if (source.Shape(scaleName) is not [var groups, var scaled] || scaled != rows || groups == 0)
            throw Companions.Misfit(source, scaleName, source.Shape(scaleName) is { } other ? Companions.Shape(other) : "nothing", $"[groups, {rows}]");
        long columns = eighths * 8;
        int[]? groupOf = source.Shape(indexName) is null ? null : Companions.Integers(source, indexName, columns);
        foreach (int g in groupOf ?? []) if (g < 0 || g >= groups) throw Companions.Misfit(source, indexName, $"group {g}", $"groups from 0 to {groups - 1}");
        if (groupOf is null && columns % groups != 0 || rows % 8 != 0) throw Companions.Misfit(source, layer + ".qweight", Companions.Shape([eighths, rows]), $"equal shares of {groups} groups, and outputs in eights");
        int[] qweight = Companions.Integers(source, layer + ".qweight", eighths, rows), qzeros = Companions.Integers(source, zeroName, groups, rows / 8);
        float[] scales = Companions.Numbers(source, scaleName);
        // The usual case, groups in order, is expanded without the index.
        if (groupOf is not null && columns % groups == 0 && groupOf.Select((g, i) => g == i / (columns / groups)).All(same => same)) groupOf = null;
        var nibbles = new GroupedNibbles(rows, columns, (int)groups, groupOf);
        nibbles.Fill(rows, (row, column) => qweight[column / 8 * rows + row] >> (int)(column % 8) * 4 & 15,
            (row, g) => (scales[g * rows + row], (qzeros[(g * rows + row) / 8] >> (int)(row % 8) * 4 & 15) + zeroOffset));
        return new GptqWeight(rows, columns, nibbles);
    }

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination) => _nibbles.Expand(from, to, destination);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _nibbles.Dispose();
        base.Dispose();
    }
}

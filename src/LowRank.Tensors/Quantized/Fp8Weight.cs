namespace LowRank.Tensors;

/// <summary>
/// A matrix in 8-bit floats with scales that the floats are multiplied by: one for all, one a row, or one a block of 128 x 128. The floats are e4m3fn (no infinities) or e5m2
/// (the upper half of a float16). Micikevicius et al., FP8 Formats for Deep Learning, 2022.
/// </summary>
public sealed unsafe class Fp8Weight : QuantizedWeight
{
    private static readonly float[] E4M3 = [.. Enumerable.Range(0, 256).Select(WidenE4M3)];
    private static readonly float[] E5M2 = [.. Enumerable.Range(0, 256).Select(b => (float)BitConverter.UInt16BitsToHalf((ushort)(b << 8)))];

    private readonly WeightMemory _codes;
    private readonly float[] _values, _scales;
    private readonly long _blockRows, _blockColumns, _gridColumns;

    private Fp8Weight(long rows, long columns, WeightMemory codes, float[] values, float[] scales, long blockRows, long blockColumns) : base(rows, columns)
        => (_codes, _values, _scales, _blockRows, _blockColumns, _gridColumns) = (codes, values, scales, blockRows, blockColumns, (columns + blockColumns - 1) / blockColumns);

    /// <summary>`fp8`.</summary>
    public override string Kind => "fp8";
    /// <summary>What its scales are called behind the layer's name: weight_scale or weight_scale_inv.</summary>
    public string ScaleName { get; private init; } = "weight_scale";
    /// <inheritdoc/>
    public override long Bytes => _codes.Length + _scales.Length * sizeof(float);

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name)
        => source.Shape(name) is { Length: 2 } && source.DType(name) is "F8_E4M3" or "F8_E5M2" && Scales(source, name) is not null;

    /// <summary>Reads `X.weight` with `X.weight_scale` or `X.weight_scale_inv`; a view of the source, valid while it is open.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The parameter, `X.weight`.</param>
    /// <param name="blockRows">Rows of a block, where the scales are a grid.</param>
    /// <param name="blockColumns">Columns of a block, where the scales are a grid.</param>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Fp8Weight Read(IWeightSource source, string name, int blockRows = 128, int blockColumns = 128)
    {
        if (source.Shape(name) is not [var rows, var columns] || source.DType(name) is not ("F8_E4M3" or "F8_E5M2"))
            throw Companions.Misfit(source, name, source.Shape(name) is { } other ? $"{source.DType(name)} {Companions.Shape(other)}" : "nothing", "an F8_E4M3 or F8_E5M2 matrix");
        string scaleName = Scales(source, name) ?? throw new BadInputException("a part of a quantised weight is missing", name + "_scale", source.Path);
        long[] shape = source.Shape(scaleName)!;
        long[] grid = [(rows + blockRows - 1) / blockRows, (columns + blockColumns - 1) / blockColumns];
        // A row's scale comes as [rows] or [rows, 1]; where that is a grid's shape too, both mean the same unless the rows are blocks of their own.
        var (height, width) = shape.All(size => size == 1) ? (rows, columns)
            : shape is [var only] && only == rows || shape is [var first, 1] && first == rows ? (1L, columns)
            : shape.SequenceEqual(grid) ? (blockRows, blockColumns)
            : throw Companions.Misfit(source, scaleName, Companions.Shape(shape), $"one number, [{rows}, 1], or {Companions.Shape(grid)} for blocks of {blockRows} x {blockColumns}");
        float[] scales = Companions.Numbers(source, scaleName);
        return new Fp8Weight(rows, columns, Companions.Raw(source, name, rows * columns), source.DType(name) == "F8_E4M3" ? E4M3 : E5M2, scales, Math.Max(1, height), Math.Max(1, width))
        {
            ScaleName = scaleName[(name.Length - "weight".Length)..],
        };
    }

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination)
    {
        if (_codes.Start is null) throw new ObjectDisposedException(nameof(Fp8Weight));
        fixed (float* values = _values)
            for (long row = from; row < to; row++)
            {
                byte* codes = _codes.Start + row * Columns;
                for (long block = 0; block * _blockColumns < Columns; block++)
                {
                    float scale = _scales[row / _blockRows * _gridColumns + block];
                    long end = Math.Min(Columns, (block + 1) * _blockColumns);
                    for (long i = block * _blockColumns; i < end; i++) *destination++ = values[codes[i]] * scale;
                }
            }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        base.Dispose();
    }

    private static string? Scales(IWeightSource source, string name)
        => new[] { name + "_scale_inv", name + "_scale" }.FirstOrDefault(n => source.Shape(n) is not null);

    /// <summary>Sign, four bits of exponent (bias 7), three of mantissa; all ones are NaN, and there is no infinity.</summary>
    private static float WidenE4M3(int bits)
    {
        int exponent = bits >> 3 & 15, mantissa = bits & 7;
        float size = (bits & 127) == 127 ? float.NaN : exponent == 0 ? MathF.ScaleB(mantissa, -9) : MathF.ScaleB(8 + mantissa, exponent - 10);
        return bits < 128 ? size : -size;
    }
}

using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>A matrix in bytes with one scale a row, the largest size in it: the weights of LLM.int8 (Dettmers et al., 2022).</summary>
public sealed unsafe class Int8Weight : QuantizedWeight
{
    /// <summary>1 / 127 as bitsandbytes spells it.</summary>
    private const float Unit = 7.874015718698502e-3f;

    private readonly WeightMemory _codes, _largest;

    private Int8Weight(long rows, long columns, WeightMemory codes, WeightMemory largest) : base(rows, columns) => (_codes, _largest) = (codes, largest);

    /// <summary>`int8`.</summary>
    public override string Kind => "int8";
    /// <inheritdoc/>
    public override long Bytes => _codes.Length + _largest.Length;

    /// <summary>Quantises a matrix [rows, columns] of any float dtype as bitsandbytes does (rounded to float16 first): the same bytes.</summary>
    /// <exception cref="BadInputException">A number is beyond float16.</exception>
    public static Int8Weight Quantize(Tensor source)
    {
        using var wide = WeightMemory.Matrix(source);
        long rows = source.shape[0], columns = source.shape[1];
        WeightMemory codes = WeightMemory.Allocate(rows * columns), largest = WeightMemory.Allocate(rows * sizeof(float));
        float* data = (float*)wide.Start, sizes = (float*)largest.Start;
        Parallel.For(0, rows, () => new float[columns], (row, _, x) =>
        {
            for (long i = 0; i < columns; i++) x[i] = (float)(Half)data[row * columns + i];
            sbyte* y = (sbyte*)codes.Start + row * columns;
            float size = 0;
            for (long i = 0; i < columns; i++) size = MathF.Max(size, MathF.Abs(x[i])); // a NaN stays one
            sizes[row] = size;
            float inverse = size > 0 && float.IsFinite(size) ? 127 * (1 / size) : 0; // rounded twice, as in the library: it shows in the last code
            for (long i = 0; i < columns; i++) y[i] = (sbyte)MathF.Round(x[i] * inverse);
            return x;
        }, _ => { });
        for (long row = 0; row < rows; row++)
            if (!float.IsFinite(sizes[row]))
            {
                codes.Dispose();
                largest.Dispose();
                throw new BadInputException("a matrix with numbers beyond float16 cannot be quantised to int8", $"row {row}", expected: "finite numbers of at most 65504", remedy: "Use nf4.");
            }
        return new Int8Weight(rows, columns, codes, largest);
    }

    /// <summary>Whether a checkpoint holds the parameter (`X.weight`) in this form.</summary>
    public static bool IsIn(IWeightSource source, string name)
        => source.Shape(name) is not null && source.DType(name) == "I8" && source.Shape(Companions.Layer(name) + ".SCB") is not null;

    /// <summary>Reads `X.weight` and `X.SCB`; a view of the source, valid while it is open.</summary>
    /// <exception cref="BadInputException">A companion is missing or does not fit.</exception>
    public static Int8Weight Read(IWeightSource source, string name)
    {
        string layer = Companions.Layer(name);
        if (source.Shape(name) is not [var rows, var columns] || source.DType(name) != "I8")
            throw Companions.Misfit(source, name, $"{(source.Shape(name) is { } shape ? $"{source.DType(name)} {Companions.Shape(shape)}" : "nothing")}", "an I8 matrix");
        if (source.Shape(layer + ".weight_format") is not null)
        {
            using var format = Companions.Raw(source, layer + ".weight_format", 1);
            if (*format.Start != 0) throw new BadInputException("an int8 weight in a GPU's own order is not read", $"{*format.Start}", $"{source.Path}: {layer}.weight_format", "0 (row after row)", "Save it again with a current bitsandbytes.");
        }
        if (source.Shape(layer + ".SCB") is not null && source.DType(layer + ".SCB") != "F32") throw Companions.Misfit(source, layer + ".SCB", source.DType(layer + ".SCB"), "F32");
        var largest = Companions.Raw(source, layer + ".SCB", rows * sizeof(float));
        return new Int8Weight(rows, columns, Companions.Raw(source, name, rows * columns), largest);
    }

    /// <summary>What a checkpoint holds for this weight called <paramref name="name"/> (`X.weight`), in the current dispose scope; views, valid while this weight is.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Save(string name) =>
    [
        (name, NativeTensors.View(_codes.Start, [Rows, Columns], (int)ScalarType.Int8)),
        (Companions.Layer(name) + ".SCB", NativeTensors.View(_largest.Start, [Rows], (int)ScalarType.Float32)),
        (Companions.Layer(name) + ".weight_format", zeros([], ScalarType.Byte)),
    ];

    /// <inheritdoc/>
    public override void Expand(long from, long to, float* destination)
    {
        if (_codes.Start is null) throw new ObjectDisposedException(nameof(Int8Weight));
        var unit = Vector256.Create(Unit);
        for (long row = from; row < to; row++, destination += Columns)
        {
            sbyte* codes = (sbyte*)_codes.Start + row * Columns;
            float size = ((float*)_largest.Start)[row];
            var scale = Vector256.Create(size);
            long i = 0;
            if (Avx2.IsSupported)
                for (; i + 8 <= Columns; i += 8) (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(codes + i)) * scale * unit).Store(destination + i);
            for (; i < Columns; i++) destination[i] = codes[i] * size * Unit;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        _largest.Dispose();
        base.Dispose();
    }
}

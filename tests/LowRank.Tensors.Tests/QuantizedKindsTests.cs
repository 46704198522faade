using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public unsafe class QuantizedKindsTests
{
    public static TheoryData<string, double> Kinds() => new()
    {
        // The error relative to the matrix that a kind may make on normal numbers.
        { "nf4", 0.10 }, { "nf4-double", 0.10 }, { "fp4", 0.13 }, { "fp4-double", 0.13 }, { "int8", 0.011 },
        { "q4_0", 0.10 }, { "q4_1", 0.09 }, { "q5_0", 0.05 }, { "q5_1", 0.045 }, { "q8_0", 0.006 },
        { "q2_k", 0.32 }, { "q3_k", 0.17 }, { "q4_k", 0.08 }, { "q5_k", 0.04 }, { "q6_k", 0.022 }, { "tq1_0", 1 }, { "tq2_0", 1 }, { "mxfp4", 0.14 },
    };

    [Fact]
    public void The_table_has_the_kinds_that_are_tested() => Assert.Equal(Kinds().Select(row => row.Data.Item1).Order(), QuantizedKinds.Names.Order());

    [Theory, MemberData(nameof(Kinds))]
    public void A_kind_quantises_and_expands_to_nearly_the_matrix(string kind, double bound)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(4);
        var source = randn(65, 512);
        foreach (var matrix in new[] { source, source.to(ScalarType.BFloat16), source.t().contiguous().t() })
        {
            using var weight = QuantizedKinds.Quantize(kind, matrix);
            Assert.Equal((kind, 65L, 512L), (weight.Kind, weight.Rows, weight.Columns));
            Assert.True(weight.Bytes < 65 * 512 * 1.1);
            float[] expected = matrix.to(ScalarType.Float32).contiguous().data<float>().ToArray(), got = weight.Dequantize(ScalarType.Float32).data<float>().ToArray();
            double error = Math.Sqrt(expected.Zip(got, (a, b) => Math.Pow(a - (double)b, 2)).Sum() / expected.Sum(a => a * (double)a));
            Assert.True(error <= bound && error > 0.0001, $"{error}");
        }
    }

    public static TheoryData<string> Names => [.. QuantizedKinds.Names];

    [Theory, MemberData(nameof(Names))]
    public void Rows_bfloat16_and_quantising_anew_are_what_the_whole_matrix_gives(string kind)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        using var weight = QuantizedKinds.Quantize(kind, randn(150, 256));
        var wide = weight.Dequantize(ScalarType.Float32);
        Same(wide.to(ScalarType.BFloat16), weight.Dequantize(ScalarType.BFloat16));
        Same(wide.to(ScalarType.Float64), weight.Dequantize(ScalarType.Float64));
        foreach (long[] rows in (long[][])[[149, 0, 7, 7], [], [.. Enumerable.Range(0, 300).Select(i => i * 7L % 150)]])
            foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
                Same(wide.index_select(0, tensor(rows, ScalarType.Int64)).to(dtype), weight.Dequantize(rows, dtype));
        foreach (var (from, count) in ((long, long)[])[(0, 150), (7, 100), (149, 1), (30, 0)])
            Same(wide.narrow(0, from, count), weight.Dequantize(from, count, ScalarType.Float32));
        foreach (var (from, count) in ((long, long)[])[(-1, 2), (100, 51)])
            Assert.Throws<ArgumentOutOfRangeException>(() => weight.Dequantize(from, count, ScalarType.Float32));
        foreach (long row in (long[])[-1, 150])
            Assert.Equal($"{row}", Assert.Throws<BadInputException>(() => weight.Dequantize([0, row], ScalarType.Float32)).Value);
        using QuantizedWeight again = QuantizedKinds.Quantize("nf4", weight), direct = QuantizedKinds.Quantize("nf4", wide);
        Same(direct.Dequantize(ScalarType.Float32), again.Dequantize(ScalarType.Float32));
    }

    [Fact]
    public void What_is_expanded_for_one_use_is_the_matrix_until_the_next_and_large_ones_keep_to_themselves()
    {
        using var scope = NewDisposeScope();
        using QuantizedWeight a = QuantizedKinds.Quantize("nf4", randn(150, 256)), b = QuantizedKinds.Quantize("q8_0", randn(130, 128)), large = QuantizedKinds.Quantize("nf4", randn(4096, 2048));
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16])
        {
            Same(a.Dequantize(dtype), a.Transient(dtype));
            Same(b.Dequantize(dtype), b.Transient(dtype));
        }
        Tensor first = a.Transient(ScalarType.Float32), second = b.Transient(ScalarType.BFloat16);
        Assert.True(NativeTensors.DataPointer(first) == NativeTensors.DataPointer(second));
        Tensor wide = large.Transient(ScalarType.Float32), again = large.Transient(ScalarType.Float32);
        Assert.True(wide.NumberOfElements * sizeof(float) >= QuantizedWeight.LargestTransient && NativeTensors.DataPointer(wide) != NativeTensors.DataPointer(again));
        Same(wide, again);
        nint own = (nint)ExpansionBuffer.Take(1000), others = own;
        var thread = new Thread(() => others = (nint)ExpansionBuffer.Take(1000));
        thread.Start();
        thread.Join();
        Assert.NotEqual(own, others);
    }

    private static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.shape, actual.shape);
        Assert.Equal(expected.to(ScalarType.Float32).reshape(-1).data<float>().ToArray(), actual.to(ScalarType.Float32).reshape(-1).data<float>().ToArray());
    }

    [Fact]
    public void An_unknown_kind_and_columns_that_do_not_fit_are_refused()
    {
        using var scope = NewDisposeScope();
        var e = Assert.Throws<BadInputException>(() => QuantizedKinds.Quantize("nf5", rand(2, 64), "w"));
        Assert.Equal(("nf5", "w"), (e.Value, e.Place));
        Assert.Contains("nf4, nf4-double, fp4", e.Expected);
        Assert.Contains("'nf4'", e.Remedy);
        e = Assert.Throws<BadInputException>(() => QuantizedKinds.Quantize("q4_k", rand(2, 64), "w"));
        Assert.Equal(("64 columns", "w", "a multiple of 256"), (e.Value, e.Place, e.Expected));
        Assert.Throws<BadInputException>(() => QuantizedKinds.Check("q8_0", columns: 33));
        QuantizedKinds.Check("int8", columns: 33);
    }
}

using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

/// <summary>float8, GPTQ and AWQ have no golden: each is packed here by its definition, in the plainest way, and what is read is compared with what was packed.</summary>
public unsafe class CheckpointWeightsTests
{
    [Theory]
    [InlineData("F8_E4M3", 5, 7, new long[] { }), InlineData("F8_E5M2", 5, 7, new long[] { 1 }), InlineData("F8_E4M3", 5, 7, new long[] { 5, 1 }), InlineData("F8_E5M2", 5, 7, new long[] { 5 }),
     InlineData("F8_E4M3", 300, 257, new long[] { 3, 3 }), InlineData("F8_E4M3", 256, 128, new long[] { 2, 1 }), InlineData("F8_E4M3", 1, 130, new long[] { 1, 2 })]
    public void Float8_is_widened_and_scaled(string dtype, int rows, int columns, long[] scaleShape)
    {
        using var scope = NewDisposeScope();
        byte[] codes = [.. Enumerable.Range(0, rows * columns).Select(i => (byte)SplitMix.At(3, i))];
        float[] scales = [.. Enumerable.Range(0, (int)scaleShape.Aggregate(1L, (a, b) => a * b)).Select(i => 0.25f + i)];
        string path = Write(("a.weight", dtype, [rows, columns], codes), ("a.weight_scale_inv", "F32", scaleShape, MemoryMarshal.AsBytes<float>(scales).ToArray()));
        using var source = SafetensorsFile.Open(path);
        using var weight = QuantizedKinds.Read(source, "a.weight")!;
        Assert.Equal("fp8", weight.Kind);
        Same(weight, (r, c) => scales[scales.Length == 1 ? 0 : scaleShape.Length == 1 || (scaleShape[1] == 1 && scaleShape[0] == rows) ? r : r / 128 * scaleShape[1] + c / 128] * Widen(codes[r * columns + c]));

        float Widen(byte b)
        {
            int sign = b >> 7, exponent = dtype == "F8_E4M3" ? b >> 3 & 15 : b >> 2 & 31, bits = dtype == "F8_E4M3" ? 3 : 2, bias = dtype == "F8_E4M3" ? 7 : 15;
            int mantissa = b & (1 << bits) - 1;
            double value = exponent == 0 ? mantissa * Math.Pow(2, 1 - bias - bits) : (1 + mantissa / (double)(1 << bits)) * Math.Pow(2, exponent - bias);
            if (dtype == "F8_E4M3" && exponent == 15 && mantissa == 7) value = double.NaN;
            if (dtype == "F8_E5M2" && exponent == 31) value = mantissa == 0 ? double.PositiveInfinity : double.NaN;
            return (float)(sign == 1 ? -value : value);
        }
    }

    [Theory, InlineData(16, 64, 2, false, 1), InlineData(8, 24, 3, true, 1), InlineData(24, 40, 5, false, 0), InlineData(8, 8, 1, true, 1)]
    public void Gptq_is_unpacked_from_inputs_in_eights(int rows, int columns, int groups, bool shuffled, int offset)
    {
        using var scope = NewDisposeScope();
        int[,] q = Random(5, rows, columns), zeros = Random(6, groups, rows);
        Half[] scales = [.. Enumerable.Range(0, groups * rows).Select(i => (Half)(0.01 + i % 17 * 0.003))];
        int[] groupOf = [.. Enumerable.Range(0, columns).Select(i => shuffled ? (int)(SplitMix.At(9, i) % (ulong)groups) : i / (columns / groups))];
        int[] qweight = new int[columns / 8 * rows], qzeros = new int[groups * rows / 8];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++) qweight[c / 8 * rows + r] |= q[r, c] << 4 * (c % 8);
            for (int g = 0; g < groups; g++) qzeros[g * (rows / 8) + r / 8] |= zeros[g, r] << 4 * (r % 8);
        }
        string path = Write(("a.qweight", "I32", [columns / 8, rows], Bytes(qweight)), ("a.qzeros", "I32", [groups, rows / 8], Bytes(qzeros)),
            ("a.scales", "F16", [groups, rows], Bytes(scales)), ("a.g_idx", "I32", [columns], Bytes(groupOf)));
        using var source = SafetensorsFile.Open(path);
        Assert.Equal("gptq", QuantizedKinds.Read(source, "a.weight")!.Kind);
        using var weight = GptqWeight.Read(source, "a.weight", offset);
        Same(weight, (r, c) => (float)scales[groupOf[c] * rows + r] * (q[r, c] - (zeros[groupOf[c], r] + offset)));
    }

    [Theory, InlineData(16, 64, 2), InlineData(8, 24, 3), InlineData(24, 5, 1), InlineData(8, 10, 2)]
    public void Awq_is_unpacked_from_outputs_in_eights(int rows, int columns, int groups)
    {
        using var scope = NewDisposeScope();
        int[,] q = Random(7, rows, columns), zeros = Random(8, groups, rows);
        Half[] scales = [.. Enumerable.Range(0, groups * rows).Select(i => (Half)(0.01 + i % 17 * 0.003))];
        int[] order = [0, 2, 4, 6, 1, 3, 5, 7], qweight = new int[columns * rows / 8], qzeros = new int[groups * rows / 8];
        for (int eight = 0; eight < rows / 8; eight++)
            for (int place = 0; place < 8; place++)
            {
                int r = eight * 8 + order[place];
                for (int c = 0; c < columns; c++) qweight[c * (rows / 8) + eight] |= q[r, c] << 4 * place;
                for (int g = 0; g < groups; g++) qzeros[g * (rows / 8) + eight] |= zeros[g, r] << 4 * place;
            }
        string path = Write(("a.qweight", "I32", [columns, rows / 8], Bytes(qweight)), ("a.qzeros", "I32", [groups, rows / 8], Bytes(qzeros)), ("a.scales", "F16", [groups, rows], Bytes(scales)));
        using var source = SafetensorsFile.Open(path);
        using var weight = QuantizedKinds.Read(source, "a.weight")!;
        Assert.Equal("awq", weight.Kind);
        Same(weight, (r, c) => (float)scales[c / (columns / groups) * rows + r] * (q[r, c] - zeros[c / (columns / groups), r]));
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        string path = Write(("a.weight", "F8_E4M3", [4, 4], new byte[16]), ("a.weight_scale", "F32", [3, 1], new byte[12]),
            ("b.qweight", "I32", [2, 8], new byte[64]), ("b.qzeros", "I32", [1, 1], new byte[4]), ("b.scales", "F16", [1, 8], new byte[16]), ("b.g_idx", "I32", [16], Bytes([.. Enumerable.Repeat(1, 16)])),
            ("c.qweight", "I32", [2, 1], new byte[8]), ("c.scales", "F16", [1, 8], new byte[16]));
        using var source = SafetensorsFile.Open(path);
        var e = Assert.Throws<BadInputException>(() => QuantizedKinds.Read(source, "a.weight"));
        Assert.Equal(("[3, 1]", path + ": a.weight_scale"), (e.Value, e.Place));
        e = Assert.Throws<BadInputException>(() => QuantizedKinds.Read(source, "b.weight"));
        Assert.Equal(("group 1", path + ": b.g_idx"), (e.Value, e.Place));
        e = Assert.Throws<BadInputException>(() => QuantizedKinds.Read(source, "c.weight"));
        Assert.Equal("c.qzeros", e.Value);
        Assert.Null(QuantizedKinds.Read(source, "d.weight"));
    }

    private static void Same(QuantizedWeight weight, Func<long, long, float> expected)
    {
        foreach (var (from, to) in new[] { (0, weight.Rows), (weight.Rows - 1, weight.Rows), (weight.Rows / 3, weight.Rows / 2) })
        {
            var got = new float[(to - from) * weight.Columns + 2];
            got[0] = got[^1] = 77;
            fixed (float* y = got) weight.Expand(from, to, y + 1);
            Assert.Equal((77, 77), (got[0], got[^1]));
            for (int i = 0; i < got.Length - 2; i++) Assert.Equal(expected(from + i / weight.Columns, i % weight.Columns), got[i + 1]);
        }
    }

    private static int[,] Random(int seed, int rows, int columns)
    {
        var values = new int[rows, columns];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) values[r, c] = (int)(SplitMix.At(seed, r, c) % 16);
        return values;
    }

    private static byte[] Bytes<T>(T[] values) where T : unmanaged => MemoryMarshal.AsBytes<T>(values).ToArray();

    /// <summary>A safetensors file, also of dtypes that no tensor can be made of here.</summary>
    private static string Write(params (string Name, string DType, long[] Shape, byte[] Bytes)[] tensors)
    {
        long at = 0;
        string header = string.Join(',', tensors.Select(t => $"\"{t.Name}\":{{\"dtype\":\"{t.DType}\",\"shape\":[{string.Join(',', t.Shape)}],\"data_offsets\":[{at},{at += t.Bytes.Length}]}}"));
        byte[] json = Encoding.UTF8.GetBytes("{" + header + "}");
        string path = Path.Combine(Paths.Temporary(), "w.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)json.Length), .. json, .. tensors.SelectMany(t => t.Bytes)]);
        return path;
    }
}

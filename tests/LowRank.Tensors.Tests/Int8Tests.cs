using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public unsafe class Int8Tests
{
    [Theory, InlineData("plain"), InlineData("odd"), InlineData("tiny"), InlineData("one"), InlineData("vector"), InlineData("zeros"), InlineData("outliers"), InlineData("scales"), InlineData("steps"),
     InlineData("many"), InlineData("bf16"), InlineData("bf16_odd")]
    public void Quantising_gives_the_library_s_bytes_and_expanding_its_values(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/int8.safetensors"));
        using var weight = Int8Weight.Quantize(golden.Get(name + ".source"));
        var saved = weight.Save("layer.weight").ToDictionary(t => t.Name, t => t.Tensor);
        Assert.True(golden.Bytes(name + ".int8").SequenceEqual(saved["layer.weight"].bytes));
        Assert.True(golden.Bytes(name + ".SCB").SequenceEqual(saved["layer.SCB"].bytes));
        Assert.Equal((ScalarType.Byte, 0, 0), (saved["layer.weight_format"].dtype, saved["layer.weight_format"].shape.Length, saved["layer.weight_format"].item<byte>()));

        float[] expected = MemoryMarshal.Cast<byte, float>(golden.Bytes(name + ".dequantized")).ToArray();
        long rows = weight.Rows, columns = weight.Columns;
        foreach (var (from, to) in new[] { (0L, rows), (rows - 1, rows), (rows / 3, rows / 2) })
        {
            var got = new float[(to - from) * columns + 1];
            fixed (float* y = got) weight.Expand(from, to, y + 1);
            for (int i = 0; i < got.Length - 1; i++) Assert.Equal(expected[from * columns + i], got[i + 1]);
        }
    }

    [Fact]
    public void A_saved_weight_is_read_again_and_a_misfit_is_named()
    {
        using var scope = NewDisposeScope();
        using var weight = Int8Weight.Quantize(randn(5, 13));
        string path = Path.Combine(Paths.Temporary(), "w.safetensors");
        SafetensorsWriter.Write(path, weight.Save("a.weight"));
        using var source = SafetensorsFile.Open(path);
        Assert.True(Int8Weight.IsIn(source, "a.weight"));
        using var again = Int8Weight.Read(source, "a.weight");
        Assert.Equal(weight.Dequantize(ScalarType.Float32).data<float>().ToArray(), again.Dequantize(ScalarType.Float32).data<float>().ToArray());

        path = Path.Combine(Paths.Temporary(), "w.safetensors");
        SafetensorsWriter.Write(path, [.. weight.Save("a.weight").Take(1), ("a.SCB", rand(4))]);
        using var misfit = SafetensorsFile.Open(path);
        var e = Assert.Throws<BadInputException>(() => Int8Weight.Read(misfit, "a.weight"));
        Assert.Equal(("16 bytes", "20 bytes", path + ": a.SCB"), (e.Value, e.Expected, e.Place));
        Assert.Equal("row 1", Assert.Throws<BadInputException>(() => Int8Weight.Quantize(tensor(new float[,] { { 1, 2 }, { 3, 1e6f } }))).Value);
    }
}

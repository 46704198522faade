using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class GgufBlocksTests
{
    private static readonly (string Name, int Id)[] Types =
        [("F16", 1), ("BF16", 30), ("Q4_0", 2), ("Q4_1", 3), ("Q5_0", 6), ("Q5_1", 7), ("Q8_0", 8), ("Q4_K", 12), ("Q5_K", 13), ("Q6_K", 14)];

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var (name, _) in Types)
        {
            cases.Add(name, "random");
            cases.Add(name, name.EndsWith("_K", StringComparison.Ordinal) ? "ggml" : "quantized");
        }
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Blocks_become_the_bits_that_ggml_computes(string type, string kind)
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        long[] shape = golden.Shape($"{type}.{kind}.values")!;
        string path = new GgufBuilder().Raw("w", Types.Single(t => t.Name == type).Id, shape, golden.Bytes($"{type}.{kind}.bytes").ToArray()).Save();
        using var file = GgufFile.Open(path);
        using var scope = NewDisposeScope();

        var got = file.Dequantize("w");

        Assert.Equal(type, file.DType("w"));
        Assert.Equal(shape, got.shape);
        Assert.Equal(ScalarType.Float32, got.dtype);
        Assert.Equal(MemoryMarshal.Cast<byte, int>(golden.Bytes($"{type}.{kind}.values")).ToArray(), MemoryMarshal.Cast<float, int>(got.data<float>().ToArray()).ToArray());
    }

    [Fact]
    public void Many_blocks_on_several_threads_equal_the_same_blocks_one_by_one()
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        byte[] bytes = golden.Bytes("Q4_1.random.bytes").ToArray();
        float[] values = MemoryMarshal.Cast<byte, float>(golden.Bytes("Q4_1.random.values")).ToArray();
        const int Copies = 701; // 33,648 blocks: five portions, the last one short
        string path = new GgufBuilder().Raw("w", 3, [Copies * 3, 512], [.. Enumerable.Repeat(bytes, Copies).SelectMany(b => b)]).Save();
        using var file = GgufFile.Open(path);
        using var scope = NewDisposeScope();
        float[] got = file.Get("w").data<float>().ToArray();
        for (int i = 0; i < Copies; i++) Assert.True(values.AsSpan().SequenceEqual(got.AsSpan(i * values.Length, values.Length)), $"copy {i}");
    }

    [Fact]
    public unsafe void Plain_types_are_views_of_the_file_and_float_copies_on_demand()
    {
        string path = new GgufBuilder().Tensor("f", [2, 2], [1, 2, 3, 4]).Raw("h", 1, [2], [0, 0x3c, 0, 0xc0]).Raw("b", 30, [1], [0x80, 0x3f]).Raw("empty", 2, [0, 32], []).Save();
        using var file = GgufFile.Open(path);
        using var scope = NewDisposeScope();
        Tensor f = file.Get("f"), again = file.Get("f");
        Assert.True(NativeTensors.DataPointer(f) == NativeTensors.DataPointer(again));
        Assert.False(NativeTensors.DataPointer(f) == NativeTensors.DataPointer(file.Dequantize("f")));
        Assert.Equal([1f, 2, 3, 4], file.Dequantize("f").data<float>().ToArray());
        Assert.Equal(ScalarType.Float16, file.Get("h").dtype);
        Assert.Equal([1f, -2], file.Dequantize("h").data<float>().ToArray());
        Assert.Equal(1f, file.Get("b").to(ScalarType.Float32).item<float>());
        Assert.Equal([0L, 32], file.Get("empty").shape);
    }

    [Fact]
    public void A_type_that_is_not_read_is_refused_by_name()
    {
        string path = new GgufBuilder().Raw("w", 15, [1, 256], new byte[292]).Save();
        using var file = GgufFile.Open(path);
        var e = Assert.Throws<BadInputException>(() => file.Get("w"));
        Assert.Equal(("Q8_K", path + ": w"), (e.Value, e.Place));
        Assert.Contains("Q6_K", e.Expected);
    }
}

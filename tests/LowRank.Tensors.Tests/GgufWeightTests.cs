using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public unsafe class GgufWeightTests
{
    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        foreach (string name in golden.Names.Where(n => n.EndsWith(".bytes", StringComparison.Ordinal))) cases.Add(name.Split('.')[0], name.Split('.')[1]);
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Any_rows_of_any_type_become_the_bits_that_ggml_computes(string name, string kind)
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        int[] expected = MemoryMarshal.Cast<byte, int>(golden.Bytes($"{name}.{kind}.values")).ToArray();
        byte[] bytes = golden.Bytes($"{name}.{kind}.bytes").ToArray();
        long rows = golden.Shape($"{name}.{kind}.values")![0], columns = golden.Shape($"{name}.{kind}.values")![1];
        var shifted = new byte[bytes.Length + 1];
        bytes.CopyTo(shifted, 1); // blocks in a file begin anywhere
        fixed (byte* start = shifted)
        {
            using var weight = GgufWeight.View(GgufType.Named(name)!, rows, columns, start + 1, shifted);
            Assert.Equal((rows, columns, bytes.LongLength, name.ToLowerInvariant()), (weight.Rows, weight.Columns, weight.Bytes, weight.Kind));
            foreach (var (from, to) in new[] { (0L, rows), (1, rows), (rows - 1, rows), (1, 2), (1, 1) })
            {
                var got = new int[(to - from) * columns + 2];
                got[0] = got[^1] = 0x5a5a;
                fixed (int* y = got) weight.Expand(from, to, (float*)y + 1);
                Assert.Equal(expected[(int)(from * columns)..(int)(to * columns)], got[1..^1]);
                Assert.Equal((0x5a5a, 0x5a5a), (got[0], got[^1]));
            }
        }
    }

    [Theory, InlineData("Q4_0"), InlineData("Q4_1"), InlineData("Q8_0"), InlineData("Q4_K"), InlineData("Q5_K"), InlineData("Q6_K")]
    public void The_vectorised_decoder_equals_the_plain_one(string name)
    {
        var type = GgufType.Named(name)!;
        const int Blocks = 2000;
        var bytes = new byte[Blocks * type.BlockBytes];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)SplitMix.At(17, i);
        int[] fast = new int[Blocks * type.BlockElements], plain = new int[fast.Length];
        fixed (byte* x = bytes)
        fixed (int* y = fast, z = plain)
        {
            GgufBlocks.Of(type)(x, (float*)y, Blocks);
            GgufBlocks.PlainOf(type)(x, (float*)z, Blocks);
        }
        for (int i = 0; i < fast.Length; i++)
            Assert.True(fast[i] == plain[i] || (float.IsNaN(BitConverter.Int32BitsToSingle(fast[i])) && float.IsNaN(BitConverter.Int32BitsToSingle(plain[i]))), $"number {i}");
    }

    [Fact]
    public void A_file_s_matrix_is_a_view_and_equals_what_the_file_dequantises()
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        string path = new GgufBuilder().Raw("w", 12, [3, 512], golden.Bytes("Q4_K.random.bytes").ToArray()).Tensor("bias", [4], [1, 2, 3, 4]).Save();
        using var file = GgufFile.Open(path);
        using var scope = NewDisposeScope();
        using var weight = GgufWeight.Read(file, "w");
        Assert.Equal(file.Dequantize("w").data<float>().ToArray(), weight.Dequantize(ScalarType.Float32).data<float>().ToArray());
        Assert.Equal("this tensor is no matrix", Assert.Throws<BadInputException>(() => GgufWeight.Read(file, "bias")).Problem);
        Assert.Equal("nothing", Assert.Throws<BadInputException>(() => GgufWeight.Read(file, "nothing")).Value);
    }
}

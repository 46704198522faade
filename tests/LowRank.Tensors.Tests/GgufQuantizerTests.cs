using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace LowRank.Tensors.Tests;

public unsafe class GgufQuantizerTests
{
    private const int Rows = 6, Columns = 512;

    [Theory, InlineData("Q4_0"), InlineData("Q4_1"), InlineData("Q5_0"), InlineData("Q5_1"), InlineData("Q8_0"), InlineData("TQ1_0"), InlineData("TQ2_0"), InlineData("MXFP4"), InlineData("F16"), InlineData("BF16")]
    public void A_plain_type_gives_ggml_s_bytes(string name)
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        Assert.Equal(golden.Bytes($"{name}.quantized.bytes").ToArray(), Quantize(name, Source(golden), Rows, Columns));
    }

    [Theory, InlineData("Q2_K"), InlineData("Q3_K"), InlineData("Q4_K"), InlineData("Q5_K"), InlineData("Q6_K")]
    public void A_searching_type_is_as_precise_as_ggml_s(string name)
    {
        using var golden = SafetensorsFile.Open(Paths.Golden("quant/gguf-blocks.safetensors"));
        double expected = JsonNode.Parse(File.ReadAllText(Paths.Golden("quant/gguf-blocks.json")))![name]!["root_mean_square_error"]!.GetValue<double>();
        float[] source = Source(golden), got = RoundTrip(name, source, Rows, Columns);
        int[] rows = [0, 1, 5];
        double ours = Error(source, got, rows), theirs = Error(source, MemoryMarshal.Cast<byte, float>(golden.Bytes($"{name}.ggml.values")).ToArray(), rows);
        Assert.Equal(expected, theirs, expected * 1e-3); // the figure in the file is taken as meant
        Assert.True(ours <= 1.02 * theirs, $"{name}: {ours} against {theirs}");
        // The other rows: zeros, outliers, and numbers too small for a half-precision scale.
        for (int row = 2; row < 5; row++)
        {
            double own = Error(source, got, [row]), other = Error(source, MemoryMarshal.Cast<byte, float>(golden.Bytes($"{name}.ggml.values")).ToArray(), [row]);
            Assert.True(own <= 1.05 * other + 1e-12, $"{name} row {row}: {own} against {other}");
        }
    }

    [Theory, InlineData("Q2_K", 16), InlineData("Q3_K", 16), InlineData("Q4_K", 32), InlineData("Q5_K", 32), InlineData("Q6_K", 16)]
    public void Constant_and_one_sided_blocks_keep_their_values(string name, int sub)
    {
        var source = new float[4 * 256];
        for (int i = 0; i < 256; i++)
        {
            source[i] = -0.25f;                                  // one negative value
            source[256 + i] = i / sub % 2 == 0 ? 0 : 0.5f;       // zeros beside a positive value
            source[512 + i] = i % 2 == 0 ? 1 : 0;
        }
        float[] got = RoundTrip(name, source, 4, 256);
        for (int i = 0; i < source.Length; i++) Assert.Equal(source[i], got[i], 0.012f);
        Assert.All(got.Skip(768), v => Assert.Equal(0f, v));
    }

    [Fact]
    public void A_type_without_quantiser_and_rows_that_are_no_whole_blocks_are_refused()
    {
        var e = Assert.Throws<BadInputException>(() => RoundTrip("IQ2_S", new float[256], 1, 256));
        Assert.Equal("IQ2_S", e.Value);
        Assert.Contains("Q4_K", e.Expected);
        e = Assert.Throws<BadInputException>(() => RoundTrip("Q4_K", new float[96], 1, 96));
        Assert.Equal(("96 columns", "a multiple of 256"), (e.Value, e.Expected));
    }

    private static float[] Source(SafetensorsFile golden) => MemoryMarshal.Cast<byte, float>(golden.Bytes("source")).ToArray();

    private static byte[] Quantize(string name, float[] source, long rows, long columns)
    {
        var type = GgufType.Named(name)!;
        fixed (float* x = source)
        {
            using var weight = GgufWeight.Quantize(type, x, rows, columns);
            return new ReadOnlySpan<byte>(weight.Blocks, (int)weight.Bytes).ToArray();
        }
    }

    private static float[] RoundTrip(string name, float[] source, long rows, long columns)
    {
        var got = new float[source.Length];
        fixed (float* x = source, y = got)
        {
            using var weight = GgufWeight.Quantize(GgufType.Named(name)!, x, rows, columns);
            weight.Expand(0, rows, y);
        }
        return got;
    }

    private static double Error(float[] source, float[] got, int[] rows)
        => Math.Sqrt(rows.SelectMany(r => Enumerable.Range(r * Columns, Columns)).Average(i => Math.Pow(source[i] - (double)got[i], 2)));
}

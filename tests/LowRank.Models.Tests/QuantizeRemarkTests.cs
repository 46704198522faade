using LowRank.Tensors;
using LowRank.TestKit;

namespace LowRank.Models.Tests;

/// <summary>Quantising what is in blocks already is told where it gains little, and only there.</summary>
public class QuantizeRemarkTests
{
    [Theory]
    [InlineData("Q4_0", "nf4", "4.5 bits", "takes no less")]
    [InlineData("Q4_1", "nf4", "5.0 bits", "saves 10 %")]
    [InlineData("Q5_0", "q4_0", "5.5 bits", "saves 18 %")]
    [InlineData("Q4_0", "q8_0", "4.5 bits", "takes no less")]
    [InlineData("Q8_0", "int8", "8.5 bits", "saves 6 %")]
    [InlineData("Q4_K", "nf4-double", "4.5 bits", "saves 8 %")]
    [InlineData("Q8_0", "nf4", null, null)]
    [InlineData("Q4_0", "q4_0", null, null)]
    [InlineData("Q4_0", "keep", null, null)]
    [InlineData("Q4_0", "none", null, null)]
    [InlineData("Q4_0", null, null, null)]
    [InlineData("F16", "nf4", null, null)]
    public void Of_a_gguf_file(string type, string? choice, string? bits, string? saved)
    {
        string? remark = QuantizeChoice.Remark(GgufTiny.Save("llama", [type]), choice);
        Assert.Equal(bits is null, remark is null);
        if (remark is null) return;
        Assert.Contains($"{bits} a number already ({type.ToLowerInvariant()}); {choice}", remark);
        Assert.Contains(saved!, remark);
        Assert.Contains("--quantize keep", remark);
    }

    [Fact]
    public void Tables_do_not_count_and_folders_do()
    {
        Assert.Null(QuantizeChoice.Remark(GgufTiny.Save("llama", ["Q4_0", .. Enumerable.Repeat("F16", 14)]), "nf4")); // only the table is in blocks
        string folder = Path.Combine(Paths.Temporary(), "four");
        using (var model = ModelLoader.Load(Paths.Golden("models/llama"), quantize: "nf4")) ModelWriter.Save(model, folder, quantized: true);
        Assert.Null(QuantizeChoice.Remark(folder, "nf4"));
        Assert.Contains("(nf4); fp4", QuantizeChoice.Remark(folder, "fp4"));
        Assert.Contains("takes no less memory", QuantizeChoice.Remark(folder, "int8"));
        Assert.Null(QuantizeChoice.Remark(Paths.Golden("models/llama"), "nf4"));
        foreach (string kind in QuantizedKinds.Names)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            using var made = QuantizedKinds.Quantize(kind, TorchSharp.torch.randn(16, 16384));
            Assert.Equal(made.Bytes * 8.0 / (made.Rows * made.Columns), QuantizedKinds.Bits(kind), 0.01);
        }
    }
}

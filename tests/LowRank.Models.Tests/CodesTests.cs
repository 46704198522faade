using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Codes of quantised forms without what makes numbers of them are never weights.</summary>
public class CodesTests
{
    private const string Weight = "model.layers.1.mlp.up_proj.weight", Stem = "model.layers.1.mlp.up_proj.";

    /// <summary>The llama golden with one matrix in another form.</summary>
    private static string Folder(string? quantization, Action<Dictionary<string, Tensor>> change)
        => ModelCopy.Of(Paths.Golden("models/llama"), change, text =>
    {
        var config = JsonNode.Parse(text)!.AsObject();
        if (quantization is not null) config["quantization_config"] = JsonNode.Parse(quantization);
        return config.ToJsonString();
    });

    private static string Refused(string? quantization, Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        string folder = Folder(quantization, change), message = Assert.Throws<BadInputException>(() => ModelLoader.Load(folder)).Message;
        Assert.Contains(folder, message);
        Assert.Equal(message, Assert.Throws<BadInputException>(() => ModelLoader.Describe(folder)).Message);
        return message;
    }

    private static unsafe Tensor Fp8(Tensor bytes) => NativeTensors.View(NativeTensors.DataPointer(bytes), bytes.shape, NativeTensors.Float8E4M3);

    [Theory]
    [InlineData(null, ScalarType.Byte, "U8")]
    [InlineData(null, ScalarType.Int32, "I32")]
    [InlineData(null, ScalarType.Bool, "BOOL")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_8bit": true}""", ScalarType.Int8, "I8")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_4bit": true}""", ScalarType.Byte, "U8")]
    [InlineData("""{"quant_method": "fp8"}""", ScalarType.Int8, "I8")]
    public void Whole_numbers_where_a_weight_is_meant(string? quantization, ScalarType dtype, string shown)
        => Assert.Contains($"tensor '{Weight}' holds codes, which are no weights without their scales (got {shown} [96, 48]; beside it nothing)", Refused(quantization, t => t[Weight] = ones(96, 48, dtype)));

    [Theory]
    [InlineData(null)]
    [InlineData("""{"quant_method": "fp8", "activation_scheme": "dynamic"}""")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "float-quantized"}""")]
    public void Eight_bit_floats_without_a_scale(string? quantization)
    {
        using var bytes = ones(96, 48, ScalarType.Byte);
        Assert.Contains($"tensor '{Weight}' holds codes, which are no weights without their scales (got F8_E4M3 [96, 48]", Refused(quantization, t => t[Weight] = Fp8(bytes)));
    }

    [Fact]
    public void A_norm_and_the_table_are_no_exception()
    {
        Assert.Contains("'model.norm.weight' holds codes", Refused(null, t => t["model.norm.weight"] = ones(48, ScalarType.Int8)));
        Assert.Contains("'model.embed_tokens.weight' holds codes", Refused("""{"quant_method": "bitsandbytes", "load_in_8bit": true}""", t => t["model.embed_tokens.weight"] = ones(256, 48, ScalarType.Int8)));
    }

    [Theory]
    [InlineData(".absmax"), InlineData(".quant_map")]
    public void Four_bit_codes_without_a_part(string part)
        => Assert.Contains($"a part of a quantised weight is missing (got {Weight}{part})", Refused("""{"quant_method": "bitsandbytes", "load_in_4bit": true}""", t =>
        {
            foreach (var (name, tensor) in Bnb4Weight.Quantize("nf4", t[Weight]).Save(Weight)) t[name] = tensor;
            t.Remove(Weight + part);
        }));

    [Theory]
    [InlineData("""{"quant_method": "gptq", "bits": 4}""")]
    [InlineData("""{"quant_method": "awq", "bits": 4}""")]
    public void Packed_words_without_scales(string quantization)
    {
        string message = Refused(quantization, t =>
        {
            t.Remove(Weight);
            t[Stem + "qweight"] = ones(6, 96, ScalarType.Int32);
            t[Stem + "qzeros"] = ones(3, 12, ScalarType.Int32);
        });
        Assert.Contains($"missing tensor '{Weight}'", message);
        Assert.Contains($"unexpected tensor '{Stem}qweight'", message);
    }

    [Theory]
    [InlineData("""{"quant_method": "fp8"}""", Stem + "weight_scale_inv")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_8bit": true}""", Stem + "SCB")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_4bit": true}""", Weight + ".absmax")]
    [InlineData("""{"quant_method": "gptq", "bits": 4}""", Stem + "scales")]
    public void Scales_that_no_weight_uses(string quantization, string left)
        => Assert.Contains($"unexpected tensor '{left}'", Refused(quantization, t => t[left] = ones(96)));

    [Fact]
    public void A_second_scale_and_a_state_of_another_form_are_left_over_too()
    {
        using var bytes = ones(96, 48, ScalarType.Byte);
        Assert.Contains($"unexpected tensor '{Weight}_scale'", Refused("""{"quant_method": "fp8"}""", t => (t[Weight], t[Weight + "_scale"], t[Weight + "_scale_inv"]) = (Fp8(bytes), ones(1), ones(1))));
        Assert.Contains($"unexpected tensor '{Weight}.nested_absmax'", Refused("""{"quant_method": "bitsandbytes", "load_in_4bit": true}""", t =>
        {
            foreach (var (name, tensor) in Bnb4Weight.Quantize("nf4", t[Weight]).Save(Weight)) t[name] = tensor;
            t[Weight + ".nested_absmax"] = ones(1);
        }));
    }
}

using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Models.Tests;

/// <summary>Folders in the forms that quantising tools write, packed here by the forms' definitions, give the logits of the plain folder with the same values.</summary>
public class QuantizedFolderTests
{
    private const int Group = 16;

    private sealed record Parts(float[] Values, List<(string Name, Tensor Tensor)> Tensors);

    [Theory]
    [InlineData("gptq", """{"quant_method": "gptq", "bits": 4, "group_size": 16, "desc_act": false, "sym": false}""")]
    [InlineData("gptq_v2", """{"quant_method": "gptq", "bits": 4, "group_size": 16, "checkpoint_format": "gptq_v2"}""")]
    [InlineData("awq", """{"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm", "zero_point": true}""")]
    [InlineData("fp8", """{"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [32, 16]}""")]
    [InlineData("fp8-tensor", """{"quant_method": "fp8", "activation_scheme": "static"}""")]
    [InlineData("fp8-row", """{"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {"weights": {"type": "float", "num_bits": 8, "strategy": "channel"}}}}""")]
    public void A_quantised_folder_computes_what_its_values_compute(string form, string configuration)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        string source = Paths.Golden("models/llama"), quantised = Paths.Temporary(), expanded = Paths.Temporary();
        using var file = SafetensorsFile.Open(Path.Combine(source, "model.safetensors"));
        var random = new Random(3);
        List<(string, Tensor)> packed = [], wide = [];
        foreach (string name in file.Names)
        {
            if (!name.EndsWith("proj.weight", StringComparison.Ordinal))
            {
                packed.Add((name, file.Get(name)));
                wide.Add((name, file.Get(name)));
                continue;
            }
            int outputs = (int)file.Shape(name)![0], inputs = (int)file.Shape(name)![1];
            var parts = form[..3] switch { "gpt" => Gptq(name, outputs, inputs, random, form == "gptq_v2" ? 0 : 1), "awq" => Awq(name, outputs, inputs, random), _ => Fp8(name, outputs, inputs, random, form) };
            packed.AddRange(parts.Tensors);
            wide.Add((name, tensor(parts.Values, [outputs, inputs])));
        }
        SafetensorsWriter.Write(Path.Combine(quantised, "model.safetensors"), packed);
        SafetensorsWriter.Write(Path.Combine(expanded, "model.safetensors"), wide);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        File.WriteAllText(Path.Combine(expanded, "config.json"), config.ToJsonString());
        config["quantization_config"] = JsonNode.Parse(configuration);
        File.WriteAllText(Path.Combine(quantised, "config.json"), config.ToJsonString());

        using CausalLM blocks = ModelLoader.Load(quantised), values = ModelLoader.Load(expanded), opened = ModelLoader.Load(quantised, quantize: "none"), again = ModelLoader.Load(quantised, quantize: "nf4");
        Assert.Equal(21, blocks.QuantizedWeights().Count());
        Assert.Equal(form[..3], blocks.QuantizedWeights().Select(w => w.Weight.Kind[..3]).Distinct().Single());
        Assert.False(opened.IsQuantized);
        Assert.Equal("nf4", again.QuantizedWeights().Select(w => w.Weight.Kind).Distinct().Single());
        Assert.False(blocks.Config.ContainsKey("quantization_config"));
        var wanted = values.Weights().ToDictionary(w => w.Name, w => w.Parameter);
        foreach (var (name, weight) in blocks.QuantizedWeights())
            Assert.InRange(weight.Dequantize(ScalarType.Float32).sub(wanted[name]).abs().max().item<float>(), 0, 1e-7);
        var ids = tensor(new long[] { 3, 50, 7, 9, 200, 11 }, [1, 6]);
        Assert.InRange(blocks.call(ids).sub(values.call(ids)).abs().max().item<float>(), 0, 1e-4);
        Assert.InRange(opened.call(ids).sub(values.call(ids)).abs().max().item<float>(), 0, 1e-4);
        Assert.Equal(values.ParameterCount, ModelLoader.Describe(quantised).ParameterCount);
        Assert.Contains("a quantised folder holds bitsandbytes' kinds only", Assert.Throws<BadInputException>(() => ModelWriter.Save(blocks, Path.Combine(Paths.Temporary(), "x"), quantized: true)).Message);
    }

    [Theory]
    [InlineData("""{"quant_method": "gptq", "bits": 3}""", "bits: 3")]
    [InlineData("""{"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}""", "checkpoint_format: marlin")]
    [InlineData("""{"quant_method": "awq", "bits": 4, "version": "gemv"}""", "version: gemv")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "pack-quantized"}""", "format: pack-quantized")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"a": {"weights": {"type": "int", "num_bits": 8}}}}""", "type: int")]
    [InlineData("""{"quant_method": "fp8", "weight_block_size": [128]}""", "weight_block_size: [128]")]
    [InlineData("""{"quant_method": "fp8", "weight_block_size": [128, "x"]}""", "weight_block_size: [128,\"x\"]")]
    [InlineData("""{"quant_method": "fp8", "weight_block_size": 128}""", "weight_block_size: 128")]
    [InlineData("""{"quant_method": "aqlm"}""", "(got aqlm); expected bitsandbytes")]
    [InlineData("""{"quant_method": "hqq"}""", "quantize: nf4")]
    public void Other_forms_are_refused_by_name(string configuration, string expected)
    {
        string folder = Paths.Temporary();
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Paths.Golden("models/llama"), "config.json")))!.AsObject();
        config["quantization_config"] = JsonNode.Parse(configuration);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.Copy(Path.Combine(Paths.Golden("models/llama"), "model.safetensors"), Path.Combine(folder, "model.safetensors"));
        Assert.Contains(expected, Assert.Throws<BadInputException>(() => ModelLoader.Load(folder)).Message);
    }

    [Fact]
    public void What_cannot_be_quantised_is_refused()
    {
        string llama = Paths.Golden("models/llama");
        Assert.Contains("one of keep, none, nf4", Assert.Throws<BadInputException>(() => ModelLoader.Load(llama, quantize: "nf5")).Message);
        Assert.Contains("q_proj", Assert.Throws<BadInputException>(() => ModelLoader.Load(llama, quantize: "q4_0")).Message); // 48 columns are no whole blocks of 32
        using var plain = ModelLoader.Load(llama, quantize: "keep");
        Assert.False(plain.IsQuantized);
        Assert.Contains("the model is not quantised", Assert.Throws<BadInputException>(() => ModelWriter.CheckQuantized(plain)).Message);
        using var turned = ModelLoader.Load(Paths.Golden("models/gpt2"), quantize: "nf4");
        Assert.Contains("gpt2", Assert.Throws<BadInputException>(() => ModelWriter.CheckQuantized(turned)).Message);
    }

    // value = (code - (stored zero + offset)) · scale; eight inputs of an output to a word, the first lowest.
    private static Parts Gptq(string name, int outputs, int inputs, Random random, int offset)
    {
        var (codes, zeros, scales) = Draw(outputs, inputs, random, 16 - offset);
        var words = new int[inputs / 8 * outputs];
        for (int o = 0; o < outputs; o++)
            for (int i = 0; i < inputs; i++) words[i / 8 * outputs + o] |= codes[o, i] << 4 * (i % 8);
        var packedZeros = new int[inputs / Group * outputs / 8];
        for (int o = 0; o < outputs; o++)
            for (int g = 0; g < inputs / Group; g++) packedZeros[g * outputs / 8 + o / 8] |= zeros[o, g] << 4 * (o % 8);
        return new(Values(codes, zeros, scales, offset),
        [
            (name.Replace("weight", "qweight", StringComparison.Ordinal), tensor(words, [inputs / 8, outputs])), (name.Replace("weight", "qzeros", StringComparison.Ordinal), tensor(packedZeros, [inputs / Group, outputs / 8])),
            (name.Replace("weight", "scales", StringComparison.Ordinal), Scales(scales)), (name.Replace("weight", "g_idx", StringComparison.Ordinal), tensor([.. Enumerable.Range(0, inputs).Select(i => i / Group)], [inputs])),
        ]);
    }

    // value = (code - zero) · scale; eight outputs of an input to a word, in the order 0 2 4 6 1 3 5 7.
    private static Parts Awq(string name, int outputs, int inputs, Random random)
    {
        int[] place = [0, 4, 1, 5, 2, 6, 3, 7];
        var (codes, zeros, scales) = Draw(outputs, inputs, random, 16);
        var words = new int[inputs * outputs / 8];
        for (int o = 0; o < outputs; o++)
            for (int i = 0; i < inputs; i++) words[i * outputs / 8 + o / 8] |= codes[o, i] << 4 * place[o % 8];
        var packedZeros = new int[inputs / Group * outputs / 8];
        for (int o = 0; o < outputs; o++)
            for (int g = 0; g < inputs / Group; g++) packedZeros[g * outputs / 8 + o / 8] |= zeros[o, g] << 4 * place[o % 8];
        return new(Values(codes, zeros, scales, 0),
        [
            (name.Replace("weight", "qweight", StringComparison.Ordinal), tensor(words, [inputs, outputs / 8])), (name.Replace("weight", "qzeros", StringComparison.Ordinal), tensor(packedZeros, [inputs / Group, outputs / 8])),
            (name.Replace("weight", "scales", StringComparison.Ordinal), Scales(scales)),
        ]);
    }

    // value = e4m3 code · scale of its block, row or all.
    private static unsafe Parts Fp8(string name, int outputs, int inputs, Random random, string form)
    {
        var (blockRows, blockColumns) = form switch { "fp8" => (32, 16), "fp8-row" => (1, inputs), _ => (outputs, inputs) };
        int rows = (outputs + blockRows - 1) / blockRows, columns = (inputs + blockColumns - 1) / blockColumns;
        float[] scales = [.. Enumerable.Range(0, rows * columns).Select(_ => 0.01f + (float)random.NextDouble() * 0.01f)];
        var codes = new byte[outputs * inputs];
        for (int i = 0; i < codes.Length; i++) codes[i] = (byte)(random.Next(0, 72) | random.Next(2) << 7); // up to 2
        var values = codes.Select((code, i) => E4M3(code) * scales[i / inputs / blockRows * columns + i % inputs / blockColumns]).ToArray();
        var bytes = tensor(codes, [outputs, inputs]);
        List<(string, Tensor)> tensors = [(name, NativeTensors.View(NativeTensors.DataPointer(bytes), [outputs, inputs], NativeTensors.Float8E4M3))];
        tensors.Add(form switch
        {
            "fp8" => (name + "_scale_inv", tensor(scales, [rows, columns])),
            "fp8-row" => (name + "_scale", tensor(scales, [rows, 1])),
            _ => (name + "_scale", tensor(scales[0])),
        });
        if (form == "fp8-tensor") tensors.Add((name.Replace("weight", "input_scale", StringComparison.Ordinal), tensor(1f)));
        return new(values, tensors);
    }

    private static float E4M3(byte code)
    {
        int exponent = code >> 3 & 15, mantissa = code & 7;
        return (float)((code >= 128 ? -1 : 1) * (exponent == 0 ? mantissa / 8.0 * Math.Pow(2, -6) : (1 + mantissa / 8.0) * Math.Pow(2, exponent - 7)));
    }

    private static (int[,] Codes, int[,] Zeros, Half[,] Scales) Draw(int outputs, int inputs, Random random, int zeroLimit)
    {
        var (codes, zeros, scales) = (new int[outputs, inputs], new int[outputs, inputs / Group], new Half[outputs, inputs / Group]);
        for (int o = 0; o < outputs; o++)
        {
            for (int i = 0; i < inputs; i++) codes[o, i] = random.Next(16);
            for (int g = 0; g < inputs / Group; g++) (zeros[o, g], scales[o, g]) = (random.Next(4, Math.Min(12, zeroLimit)), (Half)(0.01 + random.NextDouble() * 0.01));
        }
        return (codes, zeros, scales);
    }

    private static float[] Values(int[,] codes, int[,] zeros, Half[,] scales, int offset)
        => [.. from o in Enumerable.Range(0, codes.GetLength(0)) from i in Enumerable.Range(0, codes.GetLength(1)) select (codes[o, i] - zeros[o, i / Group] - offset) * (float)scales[o, i / Group]];

    // [groups, outputs]
    private static Tensor Scales(Half[,] scales)
        => tensor((float[])[.. from g in Enumerable.Range(0, scales.GetLength(1)) from o in Enumerable.Range(0, scales.GetLength(0)) select (float)scales[o, g]], [scales.GetLength(1), scales.GetLength(0)]).to(ScalarType.Float16);
}

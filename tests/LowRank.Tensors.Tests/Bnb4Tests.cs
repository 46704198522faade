using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public unsafe class Bnb4Tests
{
    private static readonly JsonObject Described = JsonNode.Parse(File.ReadAllText(Paths.Golden("quant/bnb-4bit.json")))!.AsObject();

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        using var golden = Golden();
        foreach (string name in golden.Names.Where(n => n.EndsWith(".packed", StringComparison.Ordinal))) cases.Add(name.Split('.')[0], name.Split('.')[1]);
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Quantising_gives_the_library_s_bytes_and_expanding_its_values(string name, string mode)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        using var weight = Quantize(golden, name, mode);
        string[] parts = mode.Split('-');
        Assert.Equal((parts[0] + (parts.Length > 2 ? "-double" : ""), int.Parse(parts[1], null)), (weight.Kind, weight.BlockSize));

        var saved = weight.Save("w").ToDictionary(t => t.Name, t => t.Tensor);
        AssertSame(golden, $"{name}.{mode}.packed", saved["w"]);
        AssertSame(golden, $"{name}.{mode}.absmax", saved["w.absmax"]);
        AssertSame(golden, $"{parts[0]}.quant_map", saved["w.quant_map"]);
        if (weight.Nested)
        {
            AssertSame(golden, $"{name}.{mode}.nested_absmax", saved["w.nested_absmax"]);
            AssertSame(golden, "nested_quant_map", saved["w.nested_quant_map"]);
        }
        string state = Encoding.UTF8.GetString(saved[$"w.quant_state.bitsandbytes__{parts[0]}"].data<byte>().ToArray());
        Assert.Equal(Described[name]!["modes"]![mode]!["quant_state"]!.GetValue<string>(), state);

        int[] expected = Bits(golden, $"{name}.{mode}.dequantized");
        long rows = weight.Rows, columns = weight.Columns;
        foreach (var (from, to) in new[] { (0L, rows), (rows / 2, rows), (rows - 1, rows), (rows / 3, rows / 2) })
            Assert.Equal(expected[(int)(from * columns)..(int)(to * columns)], Expand(weight, from, to));
        if (golden.Shape($"{name}.{mode}.dequantized_bf16") is not null) // by value: the library's zeros have a sign where the matrix was bfloat16
            Assert.Equal(golden.Get($"{name}.{mode}.dequantized_bf16").to(ScalarType.Float32).data<float>().ToArray(), weight.Dequantize(ScalarType.BFloat16).to(ScalarType.Float32).data<float>().ToArray());
    }

    [Theory, InlineData("plain", "nf4-64"), InlineData("odd", "nf4-128-double"), InlineData("bf16_odd", "fp4-64-double"), InlineData("one", "fp4-64")]
    public void What_is_saved_is_read_again(string name, string mode)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        using var weight = Quantize(golden, name, mode);
        string path = Path.Combine(Paths.Temporary(), "w.safetensors");
        SafetensorsWriter.Write(path, weight.Save("layer.weight"));
        using var source = SafetensorsFile.Open(path);
        Assert.True(Bnb4Weight.IsIn(source, "layer.weight"));
        Assert.False(Bnb4Weight.IsIn(source, "other.weight"));
        using var again = Bnb4Weight.Read(source, "layer.weight");
        Assert.Equal((weight.Kind, weight.Rows, weight.Columns, weight.BlockSize, weight.Bytes), (again.Kind, again.Rows, again.Columns, again.BlockSize, again.Bytes));
        Assert.Equal(Expand(weight, 0, weight.Rows), Expand(again, 0, again.Rows));
        foreach (var ((n, t), (m, u)) in weight.Save("a.weight").Zip(again.Save("a.weight")))
            Assert.Equal((n, string.Join(',', t.shape), Convert.ToHexString(t.bytes)), (m, string.Join(',', u.shape), Convert.ToHexString(u.bytes)));
    }

    [Theory, InlineData("nf4"), InlineData("nf4-double"), InlineData("fp4"), InlineData("int8")]
    public void A_checkpoint_of_Transformers_is_read_and_written_byte_for_byte(string kind)
    {
        using var scope = NewDisposeScope();
        using var source = SafetensorsFile.Open(Path.Combine(Paths.Shared($"goldens/quant/qlora/{kind}/model"), "model.safetensors"));
        using var expected = SafetensorsFile.Open(Path.Combine(Paths.Shared($"goldens/quant/qlora/{kind}"), "expected.safetensors"));
        using var original = SafetensorsFile.Open(Path.Combine(Paths.Shared("goldens/models/llama"), "model.safetensors"));
        var unread = source.Names.Where(n => n.Contains("_proj.", StringComparison.Ordinal)).ToHashSet();
        int checkedValues = 0;
        foreach (string name in source.Names.Where(n => n.EndsWith("_proj.weight", StringComparison.Ordinal)))
        {
            using var weight = QuantizedKinds.Read(source, name)!;
            Assert.Equal(kind, weight.Kind);
            // The same bytes from the file's weight written again, and from the original matrix quantised here.
            using var ours = QuantizedKinds.Quantize(kind, original.Get(name));
            foreach (var w in new[] { weight, ours })
                foreach (var (part, tensor) in w is Bnb4Weight four ? four.Save(name) : ((Int8Weight)w).Save(name))
                {
                    AssertSame(source, part, tensor);
                    unread.Remove(part);
                }
            if (expected.Shape("dequantized." + name) is null) continue;
            checkedValues++;
            var values = MemoryMarshal.Cast<byte, float>(expected.Bytes("dequantized." + name)).ToArray();
            var got = MemoryMarshal.Cast<int, float>(Expand(weight, 0, weight.Rows)).ToArray();
            for (int i = 0; i < values.Length; i++) Assert.Equal(values[i], got[i], MathF.Abs(values[i]) * 1e-6f);
        }
        Assert.Empty(unread);
        Assert.Equal(7, checkedValues);
        Assert.Null(QuantizedKinds.Read(source, "lm_head.weight"));
    }

    [Theory, InlineData(0.25, "0.25"), InlineData(1e-5, "1e-05"), InlineData(1.5e-7, "1.5e-07"), InlineData(0.0001, "0.0001"), InlineData(12345.0, "12345.0"), InlineData(1e16, "1e+16"),
     InlineData(0, "0.0"), InlineData(-3.25e-12, "-3.25e-12"), InlineData(123456789012345680.0, "1.2345678901234568e+17"), InlineData(1e15, "1000000000000000.0"), InlineData(0.13218994438648224, "0.13218994438648224")]
    public void Numbers_are_spelled_as_Python_spells_them(double value, string text) => Assert.Equal(text, Bnb4State.Python(value));

    [Fact]
    public void What_is_missing_or_does_not_fit_is_named()
    {
        using var scope = NewDisposeScope();
        using var weight = Bnb4Weight.Quantize("nf4", rand(8, 64), nested: true);
        string Without(string part, Tensor? instead = null)
        {
            string path = Path.Combine(Paths.Temporary(), "w.safetensors");
            SafetensorsWriter.Write(path, [.. weight.Save("w").Where(t => t.Name != part || instead is not null).Select(t => t.Name == part ? (part, instead!) : t)]);
            using var source = SafetensorsFile.Open(path);
            var e = Assert.Throws<BadInputException>(() => Bnb4Weight.Read(source, "w"));
            return $"{e.Problem}|{e.Value}|{e.Place![(path.Length)..]}";
        }
        Assert.Equal("a part of a quantised weight is missing|w.absmax|", Without("w.absmax"));
        Assert.Equal("a part of a quantised weight is missing|w.quant_map|", Without("w.quant_map"));
        Assert.Equal("a part of a quantised weight does not fit it|255 bytes|: w", Without("w", zeros(255, 1, ScalarType.Byte)));
        Assert.StartsWith("the quant_state of a 4-bit weight cannot be read|{\"quant", Without("w.quant_state.bitsandbytes__nf4", tensor(Encoding.UTF8.GetBytes("{\"quant"))), StringComparison.Ordinal);
        Assert.Equal("nf3", Assert.Throws<BadInputException>(() => Bnb4Weight.Quantize("nf3", rand(8, 64))).Value);
        Assert.Equal("48", Assert.Throws<BadInputException>(() => Bnb4Weight.Quantize("nf4", rand(8, 64), 48)).Value);
    }

    private static SafetensorsFile Golden() => SafetensorsFile.Open(Paths.Golden("quant/bnb-4bit.safetensors"));

    private static Bnb4Weight Quantize(SafetensorsFile golden, string name, string mode)
    {
        string[] parts = mode.Split('-');
        return Bnb4Weight.Quantize(parts[0], golden.Get(name + ".source"), int.Parse(parts[1], null), parts.Length > 2);
    }

    private static int[] Expand(QuantizedWeight weight, long from, long to)
    {
        var got = new int[(to - from) * weight.Columns + 2];
        got[0] = got[^1] = 0x5a5a;
        fixed (int* y = got) weight.Expand(from, to, (float*)y + 1);
        Assert.Equal((0x5a5a, 0x5a5a), (got[0], got[^1]));
        return got[1..^1];
    }

    private static int[] Bits(SafetensorsFile golden, string name) => MemoryMarshal.Cast<byte, int>(golden.Bytes(name)).ToArray();

    private static void AssertSame(SafetensorsFile golden, string name, Tensor got)
    {
        Assert.Equal(golden.Shape(name), got.shape);
        Assert.Equal(golden.DType(name), SafetensorsDType.OfTorch(NativeTensors.DType(got)));
        Assert.True(golden.Bytes(name).SequenceEqual(got.bytes), name);
    }
}

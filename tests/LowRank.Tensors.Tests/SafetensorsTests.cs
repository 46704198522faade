using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class SafetensorsTests
{
    public static TheoryData<string> TorchTypes() => [.. SafetensorsDType.All.Where(d => SafetensorsDType.Torch(d) >= 0)];

    [Theory, MemberData(nameof(TorchTypes))]
    public void Every_dtype_keeps_its_bytes_through_a_tensor_and_back(string dtype)
    {
        int size = SafetensorsDType.Bits(dtype)!.Value / 8;
        byte[] data = new byte[6 * size];
        new Random(size).NextBytes(data);
        if (dtype == "BOOL") for (int i = 0; i < data.Length; i++) data[i] &= 1;
        using var first = SafetensorsFile.Open(SafetensorsBytes.Save(SafetensorsBytes.Of($$$"""{"a b":{"dtype":"{{{dtype}}}","shape":[2,3],"data_offsets":[0,{{{data.Length}}}]}}""", data)));
        using var scope = NewDisposeScope();
        var tensor = first.Get("a b");
        Assert.Equal(SafetensorsDType.Torch(dtype), NativeTensors.DType(tensor));
        string copy = Path.Combine(Paths.Temporary(), "copy.safetensors");
        SafetensorsWriter.Write(copy, [("a b", tensor)]);
        using var second = SafetensorsFile.Open(copy);
        Assert.Equal(dtype, second.DType("a b"));
        Assert.Equal([2L, 3], second.Shape("a b")!);
        Assert.Equal(data, second.Bytes("a b").ToArray());
    }

    [Theory]
    [InlineData("F8_E4M3", new byte[] { 0x38, 0x7e, 0xb8, 0x01 }, new[] { 1f, 448f, -1f, 0.001953125f })]
    [InlineData("F8_E5M2", new byte[] { 0x3c, 0x7b, 0xc0, 0x01 }, new[] { 1f, 57344f, -2f, 1f / 65536 })]
    [InlineData("F8_E4M3FNUZ", new byte[] { 0x40, 0x7f, 0xc0, 0x01 }, new[] { 1f, 240f, -1f, 1f / 1024 })]
    [InlineData("F8_E5M2FNUZ", new byte[] { 0x40, 0x7f, 0xc4, 0x01 }, new[] { 1f, 57344f, -2f, 1f / 131072 })]
    [InlineData("F8_E8M0", new byte[] { 127, 128, 126, 254 }, new[] { 1f, 2f, 0.5f, 1.7014118e38f })]
    [InlineData("BF16", new byte[] { 0x80, 0x3f, 0x40, 0xc0 }, new[] { 1f, -3f })]
    [InlineData("F16", new byte[] { 0x00, 0x3c, 0x00, 0xc0 }, new[] { 1f, -2f })]
    [InlineData("U16", new byte[] { 0xff, 0xff, 1, 0 }, new[] { 65535f, 1f })]
    public void Small_floats_widen_to_the_right_values(string dtype, byte[] data, float[] expected)
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Save(SafetensorsBytes.Of($$$"""{"x":{"dtype":"{{{dtype}}}","shape":[{{{expected.Length}}}],"data_offsets":[0,{{{data.Length}}}]}}""", data)));
        using var scope = NewDisposeScope();
        Assert.Equal(expected, file.Get("x").to(ScalarType.Float32).data<float>().ToArray());
    }

    [Theory, InlineData("F4", 1, 2), InlineData("F6_E2M3", 3, 4), InlineData("F6_E3M2", 3, 4)]
    public void Dtypes_that_no_tensor_holds_give_their_bytes_only(string dtype, int bytes, int elements)
    {
        using var file = SafetensorsFile.Open(SafetensorsBytes.Save(SafetensorsBytes.Of($$$"""{"x":{"dtype":"{{{dtype}}}","shape":[{{{elements}}}],"data_offsets":[0,{{{bytes}}}]}}""", new byte[bytes])));
        Assert.Equal(bytes, file.Bytes("x").Length);
        Assert.Equal(dtype, Assert.Throws<BadInputException>(() => file.Get("x")).Value);
    }

    [Fact]
    public unsafe void Tensors_are_views_of_one_mapping_in_file_order()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        Tensor a = randn(3, 4), b = randn(2, 2, ScalarType.Float64), empty = zeros(0, 7);
        string path = Path.Combine(Paths.Temporary(), "sub", "m.safetensors");
        SafetensorsWriter.Write(path, [("b", b), ("a", a.t()), ("none", empty), ("scalar", tensor(2.5f))], new Dictionary<string, string> { ["format"] = "pt", ["ü\"\n"] = "ß" });
        using var file = SafetensorsFile.Open(path);

        Assert.Equal(["b", "a", "none", "scalar"], file.Names);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("ß", file.Metadata["ü\"\n"]);
        Assert.True(file.Get("a").equal(a.t()).all().item<bool>());
        Assert.True(file.Get("b").equal(b).all().item<bool>());
        Assert.Equal(2.5f, file.Get("scalar").item<float>());
        Assert.Equal([0L, 7], file.Get("none").shape);
        Tensor first = file.Get("b"), again = file.Get("b"), other = file.Get("a");
        Assert.True(NativeTensors.DataPointer(first) == NativeTensors.DataPointer(again));
        Assert.Equal(32, NativeTensors.DataPointer(other) - NativeTensors.DataPointer(first));
        Assert.Equal(48, file.ByteLength("a"));
        Assert.Contains("Did you mean 'scalar'", Assert.Throws<BadInputException>(() => file.Get("scaler")).Message);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        using var scope = NewDisposeScope();
        string folder = Paths.Temporary(), path = Path.Combine(folder, "m.safetensors");
        SafetensorsWriter.Write(path, [("a", ones(2))]);
        byte[] before = File.ReadAllBytes(path);
        var gone = ones(2);
        var tensors = new[] { ("a", ones(4)), ("b", gone) };
        gone.Dispose();
        Assert.ThrowsAny<Exception>(() => SafetensorsWriter.Write(path, tensors));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [("a", ones(1)), ("a", ones(1))]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(path, [("__metadata__", ones(1))]));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder));
    }
}

namespace LowRank.Tensors.Tests;

public class GgufHeaderTests
{
    private static BadInputException Refused(GgufBuilder builder) => Refused(builder.Build());

    private static BadInputException Refused(byte[] bytes)
    {
        string path = Path.Combine(Paths.Temporary(), "model.gguf");
        File.WriteAllBytes(path, bytes);
        var e = Assert.Throws<BadInputException>(() => GgufFile.Open(path));
        Assert.Equal(path, e.Place);
        Assert.Equal(e.Message, Assert.Throws<BadInputException>(() => GgufFile.Open(path, lists: false)).Message);
        return e;
    }

    private static GgufBuilder OneTensor() => new GgufBuilder().Tensor("w", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);

    [Theory, InlineData(2u), InlineData(3u)]
    public void Every_value_type_is_read_in_file_order(uint version)
    {
        object[] values = [(byte)200, (sbyte)-3, (ushort)60000, (short)-300, 4_000_000_000u, -7, 1.5f, true, "gefräßig 🦙", ulong.MaxValue, long.MinValue, Math.PI,
            new byte[] { 1, 255 }, new sbyte[] { -1 }, new ushort[] { 65535 }, new short[] { -2 }, new uint[] { 9, uint.MaxValue }, new[] { -1, 2 }, new[] { 0.5f }, new[] { true, false },
            new[] { "a", "", "ß" }, new ulong[] { 1UL << 63 }, new[] { -5L }, new[] { 1e-300 }, Array.Empty<string>()];
        var builder = new GgufBuilder { Version = version };
        for (int i = values.Length - 1; i >= 0; i--) builder.Set($"key.{i}", values[i]);
        using var file = GgufFile.Open(builder.Save());
        Assert.Equal((int)version, file.Version);
        Assert.Equal(Enumerable.Range(0, values.Length).Reverse().Select(i => $"key.{i}"), file.Metadata.Keys);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(values[i].GetType(), file.Metadata[$"key.{i}"].GetType());
            Assert.Equal(values[i], file.Metadata[$"key.{i}"]);
        }
    }

    [Fact]
    public void Lists_of_texts_can_be_passed_over_and_are_checked_all_the_same()
    {
        GgufBuilder Builder() => OneTensor().Set("a", new[] { "x", "", "ß" }).Set("b", new[] { 1, 2 }).Set("c", Array.Empty<string>()).Set("d", "text");
        using var file = GgufFile.Open(Builder().Save(), lists: false);
        Assert.Equal(["b", "d"], file.Metadata.Keys);
        Assert.Equal(new[] { 1, 2 }, file.Metadata["b"]);
        Assert.Equal(8f, BitConverter.ToSingle(file.Bytes("w")[28..]));
        Assert.Contains("names a key twice", Refused(Builder().Set("a", 1)).Message);
        Assert.Contains("names a key twice", Refused(Builder().Set("b", new[] { "x" })).Message);
        byte[] noText = [9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255], tooLong = [9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0];
        Assert.Contains("is not UTF-8", Refused(new GgufBuilder().Set("raw:k", noText)).Message);
        Assert.Contains("length of the value of 'k'", Refused(new GgufBuilder().Set("raw:k", tooLong)).Message);
    }

    [Fact]
    public void Tensors_have_row_major_shapes_and_offsets_that_follow_the_alignment()
    {
        using var file = GgufFile.Open(new GgufBuilder { Alignment = 64 }.Set("general.alignment", 64u).Tensor("w", [2, 3], [1, 2, 3, 4, 5, 6]).Tensor("v", [1], [7]).Save());
        Assert.Equal(["w", "v"], file.Names);
        Assert.Equal([2L, 3], file.Shape("w")!);
        Assert.Null(file.Shape("x"));
        Assert.Equal((0L, 64L), (file.Tensors[0].Offset % 64, file.Tensors[1].Offset - file.Tensors[0].Offset));
        Assert.Equal(24, file.ByteLength("w"));
        Assert.Equal(7f, BitConverter.ToSingle(file.Bytes("v")));
        Assert.Contains("Did you mean 'v', 'w'?", Assert.Throws<BadInputException>(() => file.Bytes("x")).Message);
    }

    [Fact]
    public void Files_of_another_format_version_or_byte_order_are_refused_by_name()
    {
        Assert.Contains("this is no GGUF file", Refused("PK\u0003\u0004 something else"u8.ToArray()).Message);
        Assert.Contains("version 1", Refused(new GgufBuilder { Version = 1 }).Message);
        Assert.Contains("version 4", Refused(new GgufBuilder { Version = 4 }).Message);
        Assert.Contains("big endian", Refused(new GgufBuilder { Version = 3u << 24 }).Message);
        Assert.Contains("ends before its magic number", Refused([]).Message);
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => GgufFile.Open("/nowhere/x.gguf")).Message);
    }

    [Fact]
    public void Counts_and_lengths_beyond_the_file_are_refused_before_anything_is_allocated()
    {
        Assert.Contains("length of the tensor list", Refused(new GgufBuilder { TensorCount = 1UL << 40 }).Message);
        Assert.Contains("length of the key list", Refused(new GgufBuilder { PairCount = ulong.MaxValue }).Message);
        byte[] huge = [8, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 127];
        Assert.Contains("length of the value of 'k'", Refused(new GgufBuilder().Set("raw:k", huge)).Message);
        byte[] hugeArray = [9, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0];
        Assert.Contains("length of the value of 'k'", Refused(new GgufBuilder().Set("raw:k", hugeArray)).Message);
        Assert.Contains("ends before", Refused(OneTensor().Build()[..60]).Message);
    }

    [Fact]
    public void Metadata_that_the_format_does_not_allow_is_refused()
    {
        Assert.Contains("names a key twice (got k)", Refused(new GgufBuilder().Set("k", 1).Set("k", 2)).Message);
        Assert.Contains("unknown value type (got type 13", Refused(new GgufBuilder().Set("raw:k", new byte[] { 13, 0, 0, 0, 0 })).Message);
        Assert.Contains("array of arrays", Refused(new GgufBuilder().Set("raw:k", new byte[] { 9, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })).Message);
        Assert.Contains("no truth value (got 2)", Refused(new GgufBuilder().Set("raw:k", new byte[] { 7, 0, 0, 0, 2 })).Message);
        Assert.Contains("not UTF-8", Refused(new GgufBuilder().Set("raw:k", new byte[] { 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff })).Message);
        foreach (object alignment in new object[] { 0u, 48u, 32, "32" })
            Assert.Contains("no power of two", Refused(OneTensor().Set("general.alignment", alignment)).Message);
    }

    [Fact]
    public void Tensors_that_cannot_be_where_the_header_says_are_refused()
    {
        Assert.Contains("names a tensor twice (got w)", Refused(OneTensor().Tensor("w", [1], [1])).Message);
        Assert.Contains("too many dimensions (got v: 5)", Refused(OneTensor().Raw("v", 0, [1, 1, 1, 1, 1], new byte[4])).Message);
        Assert.Contains("shape overflows", Refused(OneTensor().Raw("v", 0, [1L << 31, 1L << 31], new byte[4])).Message);
        Assert.Contains("shape overflows", Refused(OneTensor().Raw("v", 0, [0, 1L << 31, 1L << 31], new byte[4])).Message);
        Assert.Contains("shape overflows", Refused(OneTensor().Raw("v", 0, [-1], new byte[4])).Message);
        Assert.Contains("unknown tensor type (got v: type 4)", Refused(OneTensor().Raw("v", 4, [32], new byte[20])).Message);
        Assert.Contains("no whole number of blocks (got v: 33", Refused(OneTensor().Raw("v", 8, [33], new byte[34])).Message);
        Assert.Contains("offset is not aligned (got v: 33)", Refused(OneTensor().Raw("v", 0, [1], new byte[4], 33)).Message);
        Assert.Contains("offset is not aligned", Refused(OneTensor().Raw("v", 0, [1], new byte[4], -32)).Message);
        Assert.Contains("outside the file", Refused(OneTensor().Raw("v", 0, [1], new byte[4], 1L << 62)).Message);
        Assert.Contains("outside the file", Refused(OneTensor().Build()[..^1]).Message);
        Assert.Contains("overlap (got w and v)", Refused(OneTensor().Raw("v", 0, [1], new byte[4], 0)).Message);
    }
}

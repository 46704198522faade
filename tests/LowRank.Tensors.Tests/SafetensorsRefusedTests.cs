namespace LowRank.Tensors.Tests;

public class SafetensorsRefusedTests
{
    private static string Message(byte[] bytes, string name = "model.safetensors")
    {
        string path = SafetensorsBytes.Save(bytes, name);
        var e = Assert.Throws<BadInputException>(() => SafetensorsFile.Open(path));
        Assert.Equal(path, e.Place);
        return e.Message;
    }

    private static string Message(string header, int data) => Message(SafetensorsBytes.Of(header, new byte[data]));

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "two tensors overlap (got b begins at byte 4); expected byte 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "hole between tensors (got b begins at byte 8); expected byte 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}""", 7, "bytes do not match its shape (got a: F32 [2] in bytes 0 to 7); expected 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "bytes do not match its shape")]
    [InlineData("""{"a":{"dtype":"F128","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown dtype (got a: F128); expected one of BOOL")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "names a tensor twice (got a)")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}""", 5, "do not fill the file (got 5 bytes of data); expected 9 bytes. The file is truncated")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 5, "There are bytes behind the last tensor")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "a negative number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}""", 1, "number that does not fit")]
    [InlineData("""{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}""", 1, "number that does not fit")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "shape overflows")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "shape overflows")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1]}}""", 1, "entry is incomplete (got a)")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}""", 1, "entry is incomplete (got a)")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}""", 1, "unknown or repeated key in a tensor's entry (got a: more)")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "repeated key in a tensor's entry (got a: dtype)")]
    [InlineData("""{"a":[1]}""", 0, "an entry is not an object (got a)")]
    [InlineData("""{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", 1, "a list was expected")]
    [InlineData("""{"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}}""", 1, "value of the wrong kind")]
    [InlineData("""{"__metadata__":{"k":null}}""", 0, "a metadata value is no text (got k)")]
    [InlineData("""{"__metadata__":{"k":{}}}""", 0, "a metadata value is no text (got k)")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "the metadata names a key twice (got k)")]
    [InlineData("""{"a":""", 0, "not valid JSON")]
    [InlineData("""{} x""", 0, "not valid JSON")]
    [InlineData("""[]""", 0, "not a JSON object")]
    [InlineData("", 0, "not a JSON object")]
    public void A_wrong_header_is_refused_with_its_reason(string header, int data, string expected)
        => Assert.Contains(expected, Message(header, data));

    [Fact]
    public void A_shape_of_a_million_sizes_does_not_overflow_the_stack()
        => Assert.Contains("too many dimensions (got a: 1000000)", Message($$$"""{"a":{"dtype":"U8","shape":[{{{string.Join(',', Enumerable.Repeat(1, 1_000_000))}}}],"data_offsets":[0,1]}}""", 1));

    [Fact]
    public void Lengths_that_do_not_fit_the_file_are_refused()
    {
        Assert.Contains("too short for a safetensors header (got 7 bytes)", Message(new byte[7]));
        Assert.Contains("too short", Message([]));
        Assert.Contains("100 bytes of header in a file of 10", Message(SafetensorsBytes.Of("{}", [], 100)));
        Assert.Contains("length does not fit", Message(SafetensorsBytes.Of("{}", [], -1)));
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => SafetensorsFile.Open("/nowhere/m.safetensors")).Message);
    }

    [Fact]
    public void Pickle_files_are_refused_by_name_and_by_content_with_the_remedy()
    {
        Assert.Contains("safetensors.torch.save_file", Message([0x80, 2, 0x7d, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Contains("pickle", Message([.. "PK\u0003\u0004"u8, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Contains("safetensors.torch.save_file", Message([], "pytorch_model.bin"));
    }
}

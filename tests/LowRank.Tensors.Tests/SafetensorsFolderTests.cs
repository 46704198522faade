using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class SafetensorsFolderTests
{
    private const string Index = "model.safetensors.index.json", One = "model-00001-of-00002.safetensors", Two = "model-00002-of-00002.safetensors";

    private static string Sharded(string index)
    {
        using var scope = NewDisposeScope();
        string folder = Paths.Temporary();
        SafetensorsWriter.Write(Path.Combine(folder, One), [("a", ones(2)), ("b", zeros(3))]);
        SafetensorsWriter.Write(Path.Combine(folder, Two), [("c", full([2, 2], Scalars.Of(7.0)))]);
        File.WriteAllText(Path.Combine(folder, Index), index);
        return folder;
    }

    private static string Refused(string index) => Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(Sharded(index))).Message;

    [Fact]
    public void Shards_are_found_through_the_index()
    {
        using var folder = SafetensorsFolder.Open(Sharded($$$"""{"metadata":{"total_size":36},"weight_map":{"a":"{{{One}}}","b":"{{{One}}}","c":"{{{Two}}}"}}"""));
        using var scope = NewDisposeScope();
        Assert.Equal(["a", "b", "c"], folder.Names);
        Assert.Equal([7f, 7, 7, 7], folder.Get("c").reshape(-1).data<float>().ToArray());
        Assert.Equal(("F32", 16L), (folder.DType("c"), folder.ByteLength("c")));
        Assert.Null(folder.Shape("d"));
        Assert.Contains("the model has no such tensor (got d)", Assert.Throws<BadInputException>(() => folder.Get("d")).Message);
    }

    [Fact]
    public void What_the_shards_hold_counts_whatever_the_index_says_of_it()
    {
        // c in the wrong shard, z in none, b not named, a shard with "./" before it
        using var folder = SafetensorsFolder.Open(Sharded($$$"""{"weight_map":{"a":"./{{{One}}}","c":"{{{One}}}","z":"{{{Two}}}"}}"""));
        Assert.Equal(["a", "b", "c"], folder.Names);
        Assert.Equal(16, folder.ByteLength("c"));
    }

    [Fact]
    public void Shards_that_are_not_there_or_elsewhere_are_refused()
    {
        Assert.Contains("names files that are not there (got model-3.safetensors)", Refused("""{"weight_map":{"a":"model-3.safetensors"}}"""));
        Assert.Contains("outside its folder (got ../x.safetensors)", Refused("""{"weight_map":{"a":"../x.safetensors"}}"""));
    }

    [Fact]
    public void A_tensor_in_two_shards_must_be_the_same_in_both()
    {
        using var scope = NewDisposeScope();
        string index = $$$"""{"weight_map":{"a":"{{{One}}}","c":"{{{Two}}}"}}""", folder = Sharded(index);
        SafetensorsWriter.Write(Path.Combine(folder, Two), [("a", ones(2)), ("c", zeros(1))]);
        using (var alike = SafetensorsFolder.Open(folder)) Assert.Equal([1f, 1], alike.Get("a").data<float>().ToArray());
        SafetensorsWriter.Write(Path.Combine(folder, Two), [("a", zeros(2)), ("c", zeros(1))]);
        string message = Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message;
        Assert.Contains("two shards hold the same tensor with different values (got a)", message);
        Assert.Contains(One, message);
        Assert.Contains(Two, message);
    }

    [Theory]
    [InlineData("{", Index + " is not JSON")]
    [InlineData("[]", Index + " is not a JSON object")]
    [InlineData("{}", "the index is not what the format demands")]
    [InlineData("""{"weight_map":[]}""", "the index is not what the format demands")]
    [InlineData("""{"weight_map":{"a":null}}""", "the index is not what the format demands")]
    [InlineData("""{"weight_map":{"a":1}}""", "the index is not what the format demands")]
    public void A_malformed_index_is_refused(string index, string said)
    {
        string folder = Sharded(index);
        var error = Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder));
        Assert.StartsWith(said, error.Problem);
        Assert.Equal(Path.Combine(folder, Index), error.Place);
    }

    [Fact]
    public void Folders_without_safetensors_say_what_is_missing()
    {
        string folder = Paths.Temporary();
        Assert.Contains("holds no weights", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message);
        File.WriteAllBytes(Path.Combine(folder, "pytorch_model.bin"), [1]);
        Assert.Contains("pickle file", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message);
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder + "-none")).Message);
    }

    [Theory]
    [InlineData("model-00001-of-00002.safetensors", "shards are there without their index (got model-00001-of-00002.safetensors)")]
    [InlineData("consolidated.safetensors", "a name that Transformers does not look for (got consolidated.safetensors)")]
    [InlineData("gptq_model-4bit-128g.safetensors", "Rename the file to model.safetensors")]
    [InlineData("m.gguf", "the folder's weights are GGUF files (got m.gguf)")]
    public void Weights_of_other_names_are_named(string name, string said)
    {
        string folder = Paths.Temporary();
        File.WriteAllBytes(Path.Combine(folder, name), [1]);
        Assert.Contains(said, Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message);
    }
}

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
    public void Shards_that_disagree_with_the_index_are_refused_with_all_names()
    {
        string message = Refused($$$"""{"weight_map":{"a":"{{{One}}}","c":"{{{One}}}","z":"{{{Two}}}"}}""");
        Assert.Contains($"missing: c (in {One}), z (in {Two}); not in the index: b", message);
        Assert.Contains("does not exist", Refused("""{"weight_map":{"a":"model-3.safetensors"}}"""));
        Assert.Contains("outside its folder (got ../x.safetensors)", Refused("""{"weight_map":{"a":"../x.safetensors"}}"""));
    }

    [Theory, InlineData("{"), InlineData("[]"), InlineData("{}"), InlineData("""{"weight_map":{"a":null}}"""), InlineData("""{"weight_map":{"a":1}}""")]
    public void A_malformed_index_is_refused(string index) => Assert.Contains("the index is not what the format demands", Refused(index));

    [Fact]
    public void Folders_without_safetensors_say_what_is_missing()
    {
        string folder = Paths.Temporary();
        Assert.Contains("holds no weights", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message);
        File.WriteAllBytes(Path.Combine(folder, "pytorch_model.bin"), [1]);
        Assert.Contains("pickle file", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder)).Message);
        Assert.Contains("does not exist", Assert.Throws<BadInputException>(() => SafetensorsFolder.Open(folder + "-none")).Message);
    }
}

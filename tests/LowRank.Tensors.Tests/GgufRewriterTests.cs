namespace LowRank.Tensors.Tests;

public class GgufRewriterTests
{
    private static readonly float[] First = [1, 2, 3, 4, 5], Second = [6, 7], Third = [8, 9, 10];

    private static string Old() => new GgufBuilder().Set("general.name", "x").Tensor("a", [5], First).Tensor("b", [2], Second).Tensor("c", [3], Third).Save();

    private static Action<Stream> Floats(params float[] values) => s => s.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));

    private static Dictionary<string, GgufChange> Same(Dictionary<string, Action<Stream>> data) => data.ToDictionary(d => d.Key, d
        => new GgufChange(GgufType.Named("F32")!, d.Value));

    [Fact]
    public void Tensors_named_have_other_data_and_all_else_keeps_its_bytes()
    {
        string path = Old(), made = Path.Combine(Paths.Temporary(), "sub", "new.gguf");
        using var old = GgufFile.Open(path);
        GgufRewriter.Write(old, made, Same(new() { ["c"] = s => { Floats(-8, -9)(s); Floats(-10)(s); }, ["a"] = Floats(-1, -2, -3, -4, -5) })); // not in the file's order
        byte[] expected = new GgufBuilder().Set("general.name", "x").Tensor("a", [5], [-1, -2, -3, -4, -5]).Tensor("b", [2], Second).Tensor("c", [3], [-8, -9, -10]).Build();
        Assert.Equal(expected, File.ReadAllBytes(made));
        GgufRewriter.Write(old, made, new Dictionary<string, GgufChange>());
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(made));
        Assert.Equal([made], Directory.GetFileSystemEntries(Path.GetDirectoryName(made)!));
    }

    [Fact]
    public void Padding_and_what_lies_behind_the_last_tensor_stay_as_they_are()
    {
        byte[] bytes = [.. File.ReadAllBytes(Old()), 0, 1, 2];
        string path = Path.Combine(Paths.Temporary(), "old.gguf"), made = Path.Combine(Paths.Temporary(), "new.gguf");
        int between = bytes.AsSpan().IndexOf(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(Second)) + 2 * sizeof(float);
        bytes[between] = 0xee; // converters need not write zeros there
        File.WriteAllBytes(path, bytes);
        using var old = GgufFile.Open(path);
        GgufRewriter.Write(old, made, Same(new() { ["b"] = Floats(Second), ["c"] = Floats(Third) }));
        Assert.Equal(bytes, File.ReadAllBytes(made));
    }

    [Fact]
    public void Whatever_goes_wrong_leaves_what_stood_there()
    {
        using var old = GgufFile.Open(Old());
        string folder = Paths.Temporary(), made = Path.Combine(folder, "new.gguf");
        File.WriteAllText(made, "old");
        void Write(string name, Action<Stream> data) => GgufRewriter.Write(old, made, Same(new() { ["a"] = Floats(First), [name] = data }));
        Assert.Contains("b has 8 bytes, not 4", Assert.Throws<InvalidOperationException>(() => Write("b", Floats(1))).Message);
        Assert.Contains("b has 8 bytes, not 12", Assert.Throws<InvalidOperationException>(() => Write("b", Floats(1, 2, 3))).Message);
        Assert.Contains("No space left", Assert.Throws<BadInputException>(() => Write("c", s => { Floats(1)(s); throw new IOException("No space left on device"); })).Message);
        Assert.Throws<OperationCanceledException>(() => Write("c", _ => throw new OperationCanceledException()));
        Assert.Contains("no such tensor", Assert.Throws<BadInputException>(() => Write("d", Floats(1))).Message);
        Assert.Equal("old", File.ReadAllText(made));
        Assert.Equal([made], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void The_file_that_is_read_is_never_the_output_by_whatever_name()
    {
        string path = Old(), link = Path.Combine(Paths.Temporary(), "link.gguf");
        byte[] bytes = File.ReadAllBytes(path);
        File.CreateSymbolicLink(link, path);
        foreach (var (source, place) in ((string, string)[])[(path, path), (link, path), (path, link), (path, Path.Combine(Path.GetDirectoryName(path)!, "..", Path.GetFileName(Path.GetDirectoryName(path)!), "model.gguf"))])
        {
            using var old = GgufFile.Open(source);
            Assert.Contains("the output is the file that is read", Assert.Throws<BadInputException>(() => GgufRewriter.Write(old, place,
                new Dictionary<string, GgufChange>())).Message);
        }
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_tensor_may_get_another_type_and_the_metadata_keep_their_bytes()
    {
        float[] values = [.. Enumerable.Range(0, 64).Select(i => (float)i)];
        GgufBuilder Builder() => new GgufBuilder().Set("general.name", "x").Set("list", (string[])["a", "bc"]);
        string path = Builder().Tensor("a", [2, 32], values).Tensor("b", [3], Third).Save(), made = Path.Combine(Paths.Temporary(),
            "new.gguf");
        byte[] blocks = [.. Enumerable.Range(0, 68).Select(i => (byte)i)];
        using var old = GgufFile.Open(path, lists: false);
        GgufRewriter.Write(old, made, new Dictionary<string, GgufChange> { ["a"] = new(GgufType.Named("Q8_0")!, s => s.Write(blocks)) });
        byte[] expected = Builder().Set("general.quantization_version", 2u).Raw("a", 8, [2, 32], blocks).Tensor("b", [3], Third).Build();
        Assert.Equal(expected, File.ReadAllBytes(made)[..expected.Length]);
        using var again = GgufFile.Open(made);
        Assert.Equal([("a", "Q8_0", 68L), ("b", "F32", 12L)], again.Tensors.Select(t => (t.Name, t.Type.Name, t.Bytes)));
        Assert.Equal(["a", "bc"], (string[])again.Metadata["list"]);

        GgufRewriter.Write(again, path + "2", new Dictionary<string, GgufChange> { ["a"] = new(GgufType.Named("F32")!, Floats(values)) }); // and back
        byte[] back = Builder().Set("general.quantization_version", 2u).Tensor("a", [2, 32], values).Tensor("b", [3], Third).Build();
        Assert.Equal(back, File.ReadAllBytes(path + "2")[..back.Length]);
        Assert.Contains("a has 68 bytes, not 4", Assert.Throws<InvalidOperationException>(
            () => GgufRewriter.Write(old, path + "3", new Dictionary<string, GgufChange> { ["a"] = new(GgufType.Named("Q8_0")!,
                Floats(1)) })).Message);
        Assert.False(File.Exists(path + "3"));
    }
}

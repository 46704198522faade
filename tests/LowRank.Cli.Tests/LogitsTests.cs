using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

[Collection(SharedWorld.Name)]
public class LogitsTests(World world)
{
    private static string Golden(string name) => Path.Combine(Paths.Golden("models/" + name), "expected.safetensors");

    /// <summary>Runs `logits` on the golden's input and returns what it wrote.</summary>
    private float[] Run(string model, string input, params string[] more)
    {
        string output = world.Fresh("logits") + ".safetensors";
        var json = Program.Run(["logits", "--model", model, "--input", input, "--output", output, "--dtype", "float32", "--threads", "1", "--json", .. more]).Good().Json;
        using var file = SafetensorsFile.Open(output);
        Assert.Equal(output, (string?)json["output"]);
        Assert.Equal(file.Shape("logits")!, json["shape"]!.AsArray().Select(n => (long)n!));
        return file.Get("logits").data<float>().ToArray();
    }

    private static double Difference(float[] a, float[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return a.Zip(b).Max(p => Math.Abs(p.First - p.Second));
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gemma2")]
    public void Plain_logits_are_the_references(string name)
    {
        using var golden = SafetensorsFile.Open(Golden(name));
        float[] expected = golden.Get("logits").data<float>().ToArray(), got = Run(Paths.Golden("models/" + name), Golden(name));
        long[] mask = golden.Get("attention_mask").data<long>().ToArray();
        for (int i = 0; i < mask.Length; i++)
            if (mask[i] == 1) Assert.True(Difference(expected[(i * 256)..((i + 1) * 256)], got[(i * 256)..((i + 1) * 256)]) < 5e-5);
    }

    [Fact]
    public void A_strength_is_a_factor_of_the_delta_and_zero_is_the_base()
    {
        string half = world.At("half-of-a");
        Directory.CreateDirectory(half);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(world.At("a"), "adapter_config.json")))!;
        config["lora_alpha"] = 4; // was 8
        File.WriteAllText(Path.Combine(half, "adapter_config.json"), config.ToJsonString());
        File.Copy(Path.Combine(world.At("a"), "adapter_model.safetensors"), Path.Combine(half, "adapter_model.safetensors"));
        using var golden = SafetensorsFile.Open(Golden("llama"));
        Tensor ids = golden.Get("input_ids"), mask = golden.Get("attention_mask");
        float[] none = world.Logits(world.Model, ids, mask);

        float[] dialled = Run(world.Model, Golden("llama"), "--adapter", world.At("a") + "=0.5");
        Assert.True(Difference(world.Logits(world.Model, ids, mask, (half, 1)), dialled) < 2e-5);
        Assert.True(Difference(none, dialled) > 0.05);
        Assert.Equal(none, Run(world.Model, Golden("llama"), "--adapter", world.At("a") + "=0"));
    }

    [Fact]
    public void Merged_is_attached()
    {
        string[] adapters = ["--adapter", world.At("a"), "--adapter", world.At("b") + "=-0.7"];
        using var golden = SafetensorsFile.Open(Golden("llama"));
        float[] attached = world.Logits(world.Model, golden.Get("input_ids"), golden.Get("attention_mask"), (world.At("a"), 1), (world.At("b"), -0.7));
        Assert.True(Difference(attached, Run(world.Model, Golden("llama"), adapters)) < 2e-5);
        Assert.True(Difference(attached, Run(world.Model, Golden("llama"), [.. adapters, "--merged"])) < 5e-5);
    }

    [Fact]
    public void Every_row_has_its_own_adapter_and_strength()
    {
        using var scope = NewDisposeScope();
        string input = world.At("four.safetensors");
        var ids = randint(3, 256, [4, 9], dtype: ScalarType.Int64);
        SafetensorsWriter.Write(input, [("input_ids", ids)]);
        float[] rows = Run(world.Model, input, "--adapter", world.At("a") + "=0.5", "--adapter", world.At("b"), "--rows-adapters", "a,b,-,a");
        (string, double)[]?[] each = [[(world.At("a"), 0.5)], [(world.At("b"), 1)], [], [(world.At("a"), 0.5)]];
        int size = 9 * 256;
        for (int i = 0; i < 4; i++)
            Assert.True(Difference(world.Logits(world.Model, ids[i..(i + 1)].contiguous(), null, each[i]!), rows[(i * size)..((i + 1) * size)]) < 2e-5, $"row {i}");
    }

    [Fact]
    public void What_is_not_used_is_told_or_refused()
    {
        using var scope = NewDisposeScope();
        string input = world.At("more.safetensors"), output = world.At("more-out.safetensors");
        var ids = randint(3, 256, [1, 4], dtype: ScalarType.Int64);
        SafetensorsWriter.Write(input, [("input_ids", ids), ("logits", ids), ("labels", ids)]);
        var told = Program.Run("logits", "--model", world.Model, "--input", input, "--output", output, "--adapter", world.At("a"), "--adapter", world.At("b"),
            "--rows-adapters", "b").Good();
        Assert.Contains("note: no row names the adapter a.", told.Error);
        Assert.Contains("read are input_ids and attention_mask, not labels, logits.", told.Error);
        SafetensorsWriter.Write(input, [("input_ids", ids), ("position_ids", ids)]);
        var refused = Program.Run("logits", "--model", world.Model, "--input", input, "--output", output, "--force");
        Assert.Equal(2, refused.Code);
        Assert.Contains("an input of the model that this verb does not take (got position_ids)", refused.Error);
    }

    [Fact]
    public void An_existing_output_is_replaced_with_force_only()
    {
        string output = world.At("kept.safetensors");
        File.WriteAllText(output, "mine");
        string[] arguments = ["logits", "--model", world.Model, "--input", Golden("llama"), "--output", output];
        Assert.Equal(2, Program.Run(arguments).Code);
        Assert.Equal("mine", File.ReadAllText(output));
        Program.Run([.. arguments, "--force"]).Good();
        using var file = SafetensorsFile.Open(output);
        Assert.Equal([2, 19, 256], file.Shape("logits")!);
    }
}

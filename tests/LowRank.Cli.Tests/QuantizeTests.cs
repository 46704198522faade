using System.Text.Json.Nodes;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static TorchSharp.torch;

namespace LowRank.Cli.Tests;

/// <summary>QLoRA from the command line: a base quantised on loading, trained over, merged both ways.</summary>
[Collection(SharedWorld.Name)]
public class QuantizeTests(World world)
{
    private static string Input => Path.Combine(Paths.Golden("models/llama"), "expected.safetensors");

    private float[] Logits(string model, params string[] more)
    {
        string output = world.Fresh("logits") + ".safetensors";
        Program.Run(["logits", "--model", model, "--input", Input, "--output", output, "--dtype", "float32", "--threads", "1", .. more]).Good();
        using var file = SafetensorsFile.Open(output);
        return file.Get("logits").data<float>().ToArray();
    }

    private static double Difference(float[] a, float[] b) => a.Zip(b).Max(p => Math.Abs(p.First - p.Second));

    [Fact]
    public void A_run_over_nf4_learns_and_merges_both_ways()
    {
        string run = world.Fresh("qlora"), adapter = Path.Combine(run, "adapter"), plain = world.Fresh("plain"), small = world.Fresh("small");
        var last = Program.Run([.. world.TrainArguments("float32"), "--quantize", "nf4", "--output", run, "--json"]).Good().Json;
        Assert.Contains("quantize: \"nf4\"", File.ReadAllText(Path.Combine(run, "run.yaml")));
        double[] losses = [.. File.ReadLines(Path.Combine(run, "log.jsonl")).Select(l => JsonNode.Parse(l)!).Where(l => l["loss"] is not null).Select(l => (double)l["loss"]!)];
        Assert.True(losses[^1] < losses[0], string.Join(' ', losses));
        Assert.Equal(losses[^1], (double)last["loss"]!);

        float[] attached = Logits(world.Model, "--quantize", "nf4", "--adapter", adapter);
        Assert.True(Difference(attached, Logits(world.Model, "--adapter", adapter)) > 0.01); // another base
        var merge = Program.Run("merge", "--model", world.Model, "--quantize", "nf4", "--adapter", adapter, "--output", plain, "--json").Good();
        Assert.Contains("note: the base was made nf4 on loading", merge.Error);
        var exact = merge.Json;
        Assert.Equal(21, (int)exact["merged_parameters"]!);
        Assert.InRange((double)exact["largest_rounding_error"]!, 1e-12, 1e-6); // float32's own rounding of the sum
        Assert.InRange((double)exact["rms_rounding_error"]!, 1e-12, 6e-8);
        Assert.InRange(Difference(attached, Logits(plain)), 0, 1e-4);
        var rounded = Program.Run("merge", "--model", world.Model, "--quantize", "nf4", "--adapter", adapter, "--requantize", "--output", small, "--json").Good().Json;
        Assert.InRange((double)rounded["rms_rounding_error"]!, 0.001, 0.2);
        Assert.InRange((double)rounded["rounding_of_delta"]!, (double)rounded["rms_rounding_error"]!, 100);
        Assert.InRange(Difference(attached, Logits(small)), 1e-3, 5);
        Assert.True(new FileInfo(Path.Combine(small, "model.safetensors")).Length < new FileInfo(Path.Combine(plain, "model.safetensors")).Length * 2 / 3);
        Assert.Contains("tokenizer.json", Directory.EnumerateFiles(small).Select(f => Path.GetFileName(f)));
        Assert.Contains("of what the adapters add", Program.Run("merge", "--model", small, "--adapter", world.At("b"), "--requantize", "--output", world.Fresh("again")).Good().Out);
    }

    [Fact]
    public void Loftq_leaves_the_base_that_its_adapter_belongs_to_and_resumes_bit_for_bit()
    {
        string run = world.Fresh("loftq");
        string[] arguments = [.. world.TrainArguments("float32", steps: 10), "--quantize", "nf4", "--set", "learning_rate=1e-4", "--set", "adapter.r=16", "--set", "adapter.init_lora_weights=loftq", "--set", "adapter.loftq_config={loftq_bits: 4, loftq_iter: 2}", "--set", "adapter.target_modules=all-linear"];
        Program.Run([.. arguments, "--output", run]).Good();
        using (var model = ModelLoader.Load(Path.Combine(run, "base"))) Assert.Equal(21, model.QuantizedWeights().Count());
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "adapter", "adapter_config.json")))!;
        Assert.Equal(("loftq", Path.Combine(run, "base"), 2), ((string?)config["init_lora_weights"], (string?)config["base_model_name_or_path"], (int)config["loftq_config"]!["loftq_iter"]!));
        // ten small steps away from a start that is nearer to the plain model than nf4 alone
        float[] plain = Logits(world.Model);
        Assert.True(Difference(plain, Logits(Path.Combine(run, "base"), "--adapter", Path.Combine(run, "adapter"))) < 0.8 * Difference(plain, Logits(world.Model, "--quantize", "nf4")));
        var inspected = Program.Run("inspect", Path.Combine(run, "base"), "--json").Good().Json;
        Assert.Equal(21 * 9 / 16.0, (double)inspected["stored_bytes"]!["nf4"]! / (3 * (2 * 48 * 48 + 2 * 48 * 24 + 3 * 48 * 96)) * 21, 1e-9);

        byte[] Result() => File.ReadAllBytes(Path.Combine(run, "adapter", "adapter_model.safetensors"));
        byte[] first = Result();
        Directory.Delete(Path.Combine(run, "adapter"), recursive: true);
        File.Delete(Path.Combine(run, "report.html"));
        Program.Run("train", "--output", run, "--resume", "--threads", "1", "--quiet").Good();
        Assert.Equal(first, Result());
    }

    [Fact]
    public void Plan_counts_quantised_weights()
    {
        long Peak(params string[] more) => (long)Program.Run(["plan", "--model", world.Model, "--set", "adapter.r=4", "--dtype", "float32", "--json", .. more]).Good().Json["peak_bytes"]!;
        Assert.True(Peak("--quantize", "nf4") < Peak("--quantize", "int8"));
        Assert.True(Peak("--quantize", "int8") < Peak());
        Assert.Equal(Peak("--quantize", "nf4"), Peak("--quantize", "nf4", "--set", "adapter.init_lora_weights=loftq"));
    }

    [Theory]
    [InlineData("nf5", "'nf4'", "train", "generate")]
    [InlineData("q4_0", "q_proj", "logits")]
    public void Wrong_kinds_are_refused(string kind, string expected, params string[] verbs)
    {
        foreach (string verb in verbs)
        {
            string[] arguments = verb switch
            {
                "train" => [.. world.TrainArguments("float32"), "--output", world.Fresh("run")],
                "generate" => ["generate", "--model", world.Model, "--prompt", "a"],
                _ => ["logits", "--model", world.Model, "--input", Input, "--output", world.Fresh("logits") + ".safetensors"],
            };
            var outcome = Program.Run([.. arguments, "--quantize", kind]);
            Assert.Equal(2, outcome.Code);
            Assert.Contains(expected, outcome.Error);
        }
    }

    [Fact]
    public void What_is_trained_cannot_be_quantised_and_what_is_not_quantised_cannot_be_again()
    {
        var full = Program.Run([.. world.TrainArguments("float32")[..^8], "--set", "adapter=null", "--quantize", "nf4", "--output", world.Fresh("full")]);
        Assert.Equal(2, full.Code);
        Assert.Contains("weights that are trained cannot be quantised", full.Error);
        var merge = Program.Run("merge", "--model", world.Model, "--adapter", world.At("a"), "--requantize", "--output", world.Fresh("merged"));
        Assert.Equal(2, merge.Code);
        Assert.Contains("the model is not quantised", merge.Error);
    }
}
